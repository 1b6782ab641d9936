#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A signal handler that jumps out of our hooks: no thread hangs, and every
thread is recorded afterwards.

Of a thread's 1,000 blocks 99.2 % are sampled: fewer than 950 in one of six threads by chance
once in 10^22 runs.

false: 1e-22
"""
from lib import *

for engine in ENGINES:
    # 16 bytes: most blocks are sampled, and a busy ring does not make the hooks wait
    ran, trace = work("w_attack_jump", 1500, out=engine, cpu=engine, heap_bytes=16, heap_hz=0)
    jumps = ran.rows("jumps")[0][0]
    check(jumps >= 20, engine, "only", jumps, "jumps out of the library")
    p = Profile(trace)
    per_thread = {}
    for thread, stack, row in p.rows("heap"):
        if "blocks_of_77" in stack:
            per_thread[thread["tid"]] = per_thread.get(thread["tid"], 0) + row["alloc_n"]
    # sampled with 1 - exp(-77/16) = 99.2 %
    check(len(per_thread) == 3 and min(per_thread.values()) >= 950, engine, jumps,
          "jumps, then recorded of each thread's 1,000 blocks:", per_thread, p.losses)
