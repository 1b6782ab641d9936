#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that once died, hung, kept rights or grew under the library, each
with its reason: threads of libc's own at a change of user, threads that end
without a word, small signal stacks, slow forks from many threads at once,
bare clones of a process in malloc, generations of children, a plugin's file cut
short behind our back.

limit: 120
"""
from lib import *

for engine in ENGINES:
    every = dict(cpu=engine, cpu_hz=2000, heap_bytes=1, flush_ms=20)
    if ROOT:
        for i in range(3):
            ran, _ = work("w_attack_threads", "setuid", out=f"{engine}-setuid{i}", **every)
            check(ran.rows("root") == [[0]], engine, "threads that are still root:", ran.out)
    ran, trace = work("w_attack_threads", "exit", out=f"{engine}-exit", **every)
    check(ran.rows("ended") == [[8]], engine, ran.out)
    prof("check", trace)
    ran, _ = work("w_attack_threads", "stack", out=f"{engine}-stack", **every)
    check(ran.rows("touched") == [[0]], engine, "bytes of a stack that no signal may use:", ran.out)
    for i in range(3):
        ran, _ = work("w_attack_forks", "clone", out=f"{engine}-clone{i}-%p", **every)
        check(ran.rows("hung") == [[0]], engine, "children that never end:", ran.out)
    ran, _ = work("w_attack_forks", "chain", 20, out=f"{engine}-chain-%p", **every)
    check(ran.rows("grown")[0][0] < 20000, engine, "KiB more in the 20th generation:", ran.out)
    for i in range(3):
        ran, _ = work("w_attack_file", out=f"{engine}-file{i}", **dict(every, flush_ms=200))
        check(ran.rows("reloaded") == [[4]], engine, ran.out)
    # What comes after the forks is in the trace: the writer was not locked out.
    ran, _ = work("w_attack_forks", "many", out=f"{engine}-many-%p", cpu=engine, cpu_hz=499)
    check(ran.rows("failed") == [[0]], engine, ran.out)
    traces = list(HOME.glob(f"{engine}-many-*"))
    seen = max(Profile(t).cpu("after_forks") for t in traces)
    check(seen > 150e6, engine, "ns seen of 200 ms of CPU time after the forks:", seen)
