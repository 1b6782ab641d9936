#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A signal handler that forks while an allocation is being recorded, and returns in both
processes: the child lives, and in the parent every call is recorded or counted as lost."""
from lib import *

for engine in ENGINES:
    ran, place = work("w_attack_between", 1000, out=engine + "-%p", cpu=engine, heap_bytes=1,
                      cpu_hz=999)
    forks, pid = ran.rows("forks")[0]
    check(forks >= 20 and ran.rows("wrong")[0][0] == 0, engine, ran.out)
    p = Profile(place.parent / f"{engine}-{pid}")
    found, blocks = p.site("make_block")["alloc_n"], ran.rows("blocks")[0][0]
    lost = p.losses["heap_ring_full"]
    check(found <= blocks <= found + lost, engine, blocks, "blocks made,", found, "recorded,",
          lost, "lost", p.losses)
    note(engine, forks, "forks", blocks, "blocks", lost, "lost")
