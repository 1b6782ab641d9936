#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: two libraries opened and closed in turn at one address, four threads
throwing meanwhile; what each did is under its own name.

limit: 60
long: 900
"""
from storm import *


def examine(what, ran, top):
    """perf tells of mappings in their order, without it dlclose does.  Where a record of
    perf's is lost, it may have been a mapping."""
    got, lost = {}, 0
    for p in documents(top):
        if p.cpu_engine == "perf" and p.losses["cpu_ring_full"]:
            note(what, "lost", p.losses["cpu_ring_full"], "records of perf's")
            return
        lost += sum(p.losses[name] for name in ALLOC_LOSSES)
        for _, stack, row in p.rows("heap"):
            for name in {"storm_a_calls", "storm_b_calls"} & set(stack):
                if stack[-1].startswith("storm_malloc"):
                    got[name] = got.get(name, 0) + row["alloc_n"]
    for name, calls in ran.rows("plugin"):
        check(calls - lost <= got[name] <= calls, what, name, got, "of", calls, "lost", lost)


storm("w_storm_dlopen", name="dlopen and dlclose at one address", examine=examine,
      files=("p_storm_a.so", "p_storm_b.so"))
