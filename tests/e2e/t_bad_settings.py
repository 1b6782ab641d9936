#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bad value: the program runs untouched and unprofiled, and one line on
stderr names the variable, the value and what is allowed."""
from lib import *

BAD = {"CPU": ("yes", "auto,perf,timer,off"), "CPU_HZ": ("0", "10000"),
       "STACK_BYTES": ("9M", "6552"),
       "HEAP": ("tcmalloc", "jemalloc"), "HEAP_BYTES": ("-1", "1"),
       "HEAP_HZ": ("1G", "1000000000"), "SEED": ("x1", "0"),
       "DELAY_MS": ("1s", "0"), "DURATION_MS": ("", "0"), "FLUSH_MS": ("5", "60000"),
       "SEGMENT_BYTES": ("1K", "6"), "LIMIT_BYTES": ("99999999999999999999T", "0"),
       "CHILDREN": ("yes", "1"), "VERBOSE": ("9", "2")}
bare = run([W / "w_exact"])
for name, case in BAD.items():
    value, allowed = case
    env = dict(preload(out="t"), **{"LIBPROF_" + name: value})
    ran = run([W / "w_exact"], env=env)
    check((ran.status, ran.out) == (bare.status, bare.out), name, "changed the program:",
          ran.status, ran.out[-300:])
    lines = ran.err.decode().splitlines()
    check(len(lines) == 1, name, "says", lines)
    check("LIBPROF_" + name in lines[0] and value in lines[0] and allowed in lines[0], name, "says",
          lines[0])
    check(not traces(HOME), name, "was profiled all the same")
    ran = run([PROF, "run", "--" + name.lower().replace("_", "-") + "=" + value, W / "w_exact"])
    check(ran.status == 125 and ran.out == b"", name, "prof run: status", ran.status, ran.out[:200])
    check(value in ran.err.decode() and allowed in ran.err.decode(), name, "prof run says", ran.err)
ran = run([W / "w_mini", 3], env=dict(preload(out="%x"), LIBPROF_VERBOSE="0"))
check(ran.status == 3, "LIBPROF_OUT=%x: status", ran.status)
check(len(ran.err.splitlines()) <= 1, "LIBPROF_OUT=%x says", ran.err)
