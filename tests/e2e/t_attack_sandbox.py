#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A seccomp filter that the program installs after its start, and that would
kill for calls of ours, in it and in its children, and the mere question
whether there are filters; no table of descriptors of our own (close_range
refused) in a program whose descriptors 0 to 2 are closed.

A thousand blocks, sampled with 17.4 %, come out at less than 60 % of their bytes with a
probability of 4e-10, in each of four runs.

false: 2e-9
"""
import re

from lib import *

for user in users():
    for engine in ENGINES:
        for kind in ("filter", "all"):
            for heap_bytes in (1, "512K"):
                out = f"{engine}-{kind}-{heap_bytes}"
                ran, trace = work("w_attack_sandbox", kind, user=user, out=out, cpu=engine,
                                  heap_bytes=heap_bytes)
                check(ran.out == b"alive\n", user.name, engine, kind, "said", ran.out)
                prof("check", trace)
        ran, _ = work("w_attack_sandbox", "fork", user=user, out=f"{engine}-fork", cpu=engine)
        check(ran.out == b"child 400\nalive\n", user.name, engine, "a child under the filter:",
              ran.out)
        _, trace = work("w_attack_sandbox", "probe", user=user, out=f"{engine}-probe", cpu=engine)
        check(Profile(trace).site("after_probe")["alloc_space"] > 60e6, user.name, engine,
              "a question about filters ended the recording")
        out = f"{engine}-stdio"
        file = user.home / f"{engine}-strange"
        env = preload(user, out=out + "-%p", cpu=engine, heap_bytes=1, flush_ms=10)
        ran = run([user.file(W / "w_deny"), "close_range", "EPERM",
                   user.file(W / "w_attack_sandbox"), "stdio", file], user, env)
        check(ran.status == 0, user.name, engine, "status", ran.status, ran.err)
        check(file.read_text() == "strange 0\n", user.name, engine, file.read_text(),
              "descriptors of ours stood among the program's")
        for trace in user.home.glob(out + "-*"):
            prof("check", trace)

# Nor do they for a moment: what libunwind opens when it begins is gone before main runs.
need("strace")
log = HOME / "calls"
deny = [W / "w_deny", "close_range", "EPERM", W / "w_deny", "unshare", "EPERM"]
shut = words([*deny, W / "w_attack_sandbox", "stdio", "strange"],
             env=preload(out="traced-%p", heap_bytes=1))
ran = run(["strace", "-f", "-qq", "-e", "trace=pipe2,close", "-o", log, *shut])
check(ran.status == 0, "status", ran.status, ran.err.decode())
calls = log.read_text()
main = re.search(rf"^{calls.split()[0]} +close\(0\)", calls, re.M)
before, after = calls[:main.start()], calls[main.end():]
check("pipe2(" in before, "libunwind did not begin:", before[-2000:])
check("pipe2(" not in after, "a pipe among the program's descriptors", after[:2000])
