#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""libprof_start, _stop and _flush: what lies outside is not recorded, a second
call changes nothing, and without the library the program runs the same."""
from lib import *

bare = run([W / "w_api"])
check(bare.err == b"api 0\n", "without the library:", bare.err)
for engine in ENGINES:
    ran, trace = work("w_api", out=engine, cpu=engine, delay_ms=1000000, heap_bytes=1, quiet=False)
    check(ran.err == b"api 1\n", engine, "said", ran.err)
    p = Profile(trace)
    inside = dict((line[0], int(line[1])) for line in ran.lines)["inside"]
    # A period at each end, and one for a start that took its time.
    near(p.cpu("api_inside"), inside, 0.05, engine + " inside", 3 * 10_101_010)
    for other in ("api_before", "api_after"):
        check(p.cpu(other) < 10e6, engine, other, "is there:", p.cpu(other))
    check(p.site("api_inside")["alloc_objects"] == 100, engine, "heap inside:",
          p.site("api_inside"))
    marks = [m["mark"] for m in p.process["marks"]]
    check(marks.count("start") == 1 and marks.count("stop") == 1, engine, "marks", marks)
    near(p.thread(p.process["pid"])["clock_cpu_ns"], sum(int(line[1]) for line in ran.lines), 0.05,
         engine + " clock",
         5_000_000)
