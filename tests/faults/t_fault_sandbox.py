#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that shuts itself in while it runs: strict mode, and filters that allow what
the program itself needs and kill, trap or refuse the rest; alone, with threads that go
on outside, with threads that are shut in too.  Recording ends there, and says so.
(Filters for children and mere questions about filters: t_attack_sandbox.py.)

limit: 200
long: 1200
"""
from lib import *

MODES = [("strict",), ("strict-call",), *((action, who) for action in ("kill", "errno", "trap")
                                           for who in ("alone", "caller", "all"))]
runs = 0
for user in users():
    for mode in MODES:
        bare = run([user.file(W / "w_fault_sandbox"), *mode], user)
        check((bare.status, bare.out) == (5, b"alive, SIGSYS 0\n"), "bare", mode, bare.status, bare.out)
        for engine in ENGINES if LONG or user.name == "self" else ENGINES[:1]:
            for heap_bytes in (1, "512K") if LONG else (1,):
                out = f"{engine}-{'-'.join(mode)}-{heap_bytes}"
                ran = run([user.file(W / "w_fault_sandbox"), *mode], user,
                          preload(user, out=out, cpu=engine, cpu_hz=999, heap_bytes=heap_bytes))
                same(bare, ran, f"{user.name} {out}:")
                prof("check", user.home / out)
                p = Profile(user.home / out)
                check(any("seccomp filter: recording ended" in e["text"] for e in p.events), out,
                      "no word on the end:", p.events)
                check(heap_bytes != 1 or p.site("allocate")["alloc_objects"] > 0, out, "nothing before")
                runs += 1
measured("faults", "strict mode, and filters that kill, trap or refuse all but what the program "
         "needs, alone and with threads in and out", f"{runs} runs, both engines, root and nobody",
         "unchanged, traces valid, the end named")
