#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that shuts itself in while it runs: strict mode, and filters that allow what
the program itself needs and kill, trap or refuse the rest; alone, with threads that go
on outside, with threads that are shut in too.  Recording ends there, and says so.
(Filters for children and mere questions about filters: t_attack_sandbox.py.)

limit: 200
long: 1200
"""
from faults import *

MODES = [("strict",), ("strict-call",), *((action, who) for action in ("kill", "errno", "trap")
                                           for who in ("alone", "caller", "all"))]


def until_then(p, what, made, threads_went_on):
    """Of main's calls before the end each is there or lost, and none is made up.  Two
    threads that go on meanwhile call between the last look at their rings and that at
    their totals: of the whole, what is recorded is no more than the hooks counted."""
    if not threads_went_on:
        account(p, what, made, "allocate")
    here = sum(row["alloc_n"] for t, stack, row in p.rows("heap")
               if t["tid"] == p.process["pid"] and "allocate" in stack)
    lost = sum(p.losses[name] for name in ALLOC_LOSSES)
    check(here <= made <= here + lost, what, "main made", made, "recorded", here, "lost", lost)
    recorded = sum(row["alloc_n"] for _, _, row in p.rows("heap"))
    counted = sum(t["alloc_calls"] for t in p.threads)
    check(recorded + lost <= counted, what, recorded, "+", lost, "of", counted, "calls")




def crowd(user, engine, times):
    """Of 16 threads some are in the middle of a record when the filter comes."""
    for i in range(times):
        out = f"crowd-{engine}-{i}"
        ran = run([user.file(W / "w_fault_sandbox"), "kill", "crowd"], user,
                  preload(user, out=out, cpu=engine, cpu_hz=999, heap_bytes=1))
        check((ran.status, ran.err) == (5, b""), out, "changed the program:", ran.status, ran.err)
        prof("check", user.home / out)
        p = Profile(user.home / out)
        check(any("seccomp filter: recording ended" in e["text"] for e in p.events), out, p.events)


runs = 0
for user in users():
    for mode in MODES:
        bare = run([user.file(W / "w_fault_sandbox"), *mode], user)
        check((bare.status, without_calls(bare)) == (5, [["sigsys", "0"]]), "bare", mode,
              bare.status, bare.out)
        for engine in ENGINES if LONG or user.name == "self" else ENGINES[:1]:
            for heap_bytes in (1, "512K") if LONG else (1,):
                out = f"{engine}-{'-'.join(mode)}-{heap_bytes}"
                ran = run([user.file(W / "w_fault_sandbox"), *mode], user,
                          preload(user, out=out, cpu=engine, cpu_hz=999, heap_bytes=heap_bytes))
                check((ran.status, ran.err, without_calls(ran)) == (5, b"", without_calls(bare)), out,
                      "changed the program:", ran.status, ran.out, ran.err)
                prof("check", user.home / out)
                p = Profile(user.home / out)
                check(any("seccomp filter: recording ended" in e["text"] for e in p.events), out,
                      "no word on the end:", p.events)
                if heap_bytes == 1:
                    (made,), = ran.rows("calls")
                    until_then(p, f"{user.name} {out}:", made, mode[-1] in ("caller", "all"))
                runs += 1
mostly_exact(0.8)
for engine in ENGINES:
    crowd(users()[0], engine, 100 if LONG else 10)
measured("faults", "strict mode, and filters that kill, trap or refuse all but what the program "
         "needs, alone and with threads in and out", f"{runs} runs, both engines, root and nobody",
         "unchanged, traces valid, the end named")
