#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that allocates from one stack again and again has it copied a few times only: a copy
asks the kernel for each page, by an rt_sigprocmask whose `how` there is not.  So has a forked
child, which learns anew."""
from lib import *

need("strace")
BLOCKS = 20000
PROGRAM = f"""
import os
def blocks():
    return [bytearray(1000) for _ in range({BLOCKS})]
kept = blocks()
if not os.fork():
    more = blocks()
    os._exit(0)
os.wait()
"""
for engine in ENGINES:
    log = HOME / f"calls-{engine}"
    strace = ["strace", "-f", "-qq", "-e", "trace=rt_sigprocmask", "-o", log]
    python = words(["/usr/bin/python3", "-c", PROGRAM],
                   env=preload(out=f"{engine}-%p", cpu=engine, heap_bytes=1))
    ran = run([*strace, *python])
    check(ran.status == 0, ran.err.decode())
    asked = sum("EINVAL" in line for line in log.read_text().splitlines())
    traces = sorted(HOME.glob(f"{engine}-*"))
    check(len(traces) == 2, traces)
    for trace in traces:
        p = Profile(trace)
        check(p.losses["heap_ring_full"] < BLOCKS / 100, "lost", p.losses)
        alike = max(r["alloc_n"] for _, _, r in p.rows("heap")) + p.losses["heap_ring_full"]
        check(alike >= BLOCKS, trace, "allocations from one stack:", alike)
    note(f"{engine}: {asked} pages asked for")
    check(0 < asked < 1.5 * BLOCKS, engine, "pages asked for:", asked)
