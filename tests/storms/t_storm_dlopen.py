#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: two libraries opened and closed in turn at one address, four threads
throwing meanwhile; what each did is under its own name.

limit: 60
long: 900
"""
from storm import *


CALLS = 50  # of a library, from when it is opened until it is closed
seen = []


def examine(what, ran, top, found):
    """perf tells of mappings in their order, without it dlclose does.  Where a record of
    perf's is lost, it may have been a mapping: the calls until the next have the name of
    the one before."""
    got, lost, wrong, by_perf = {}, 0, 0, False
    for p in documents(top):
        if p.cpu_engine == "perf":
            by_perf = True
            wrong += CALLS * (p.losses["cpu_ring_full"] + p.losses["other_records"])
        lost += sum(p.losses[name] for name in ALLOC_LOSSES)
        for _, stack, row in p.rows("heap"):
            for name in {"storm_a_calls", "storm_b_calls"} & set(stack):
                if stack[-1].startswith("storm_malloc"):
                    got[name] = got.get(name, 0) + row["alloc_n"]
    for name, calls in ran.rows("plugin"):
        note(what, name, got, "of", calls, "lost", lost, "may be wrong", wrong)
        check(calls - lost - wrong <= got[name] <= calls + wrong, what, name, got, "of", calls,
              "lost", lost, "records of perf's", wrong // CALLS)
    if by_perf:
        seen.append(all(wrong < calls / 2 < got[name] for name, calls in ran.rows("plugin")))


storm("w_storm_dlopen", name="dlopen and dlclose at one address", examine=examine,
      files=("p_storm_a.so", "p_storm_b.so"))
check(any(seen), "under perf too much was lost to compare anything")
