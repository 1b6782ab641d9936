#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: the writer stands still, and the ring fills.  With every call to be
recorded an event waits 100 ms at most and those after it not at all; sampling
never waits; what found no room is counted.

A wait shows as a voluntary switch of context; one of 100 ms takes 200 us a step,
so 500 of them; each kind of event may wait once (frees have a reserve).

limit: 60
long: 200
"""
from storm import *

WAITS, STEPS = 2, 500


def waiting(engine, user, mean):
    out = f"{engine}-{mean}"
    ran = run_limited([user.file(W / "w_storm_wait"), 0, 150000], user,
                      preload(user, out=out, cpu=engine, cpu_hz=1000, heap_bytes=mean,
                              flush_ms=50, limit_bytes=0), 100)
    check(ran.status == 0 and ran.err == b"", out, "status", ran.status, ran.err)
    check(ran.rows("must") == bare.rows("must"), out, ran.rows("must"))
    (calls, longest, switches), = ran.rows("waits")
    return out, ran, accounts(user.home / out), calls, longest, switches


result = Result()
for user in users() if LONG else users()[:1]:
    bare = run_limited([user.file(W / "w_storm_wait"), 0, 1000], user, {}, 60)
    for engine in ENGINES:
        what, ran, found, calls, longest, switches = waiting(engine, user, 1)
        (pid, figures), = truths(ran).items()
        wrong = found[pid].check(what, *figures)
        check(not wrong, *wrong)
        check(found[pid].lost > 0, what, "nothing was lost: the ring was never full")
        check(calls <= WAITS and switches <= WAITS * (STEPS + 1), what, calls, "calls waited,",
              switches, "times")
        note(what, "longest", longest, "ns", switches, "switches", found[pid].lost, "lost")
        result.add(ran, found, 1)
        what, ran, found, calls, longest, switches = waiting(engine, user, 60)
        lost = sum(a.lost for a in found.values())
        check(lost > 0, what, "nothing was lost: the ring was never full")
        check(switches == 0, what, calls, "calls waited", switches, "times")
        note(what, "longest", longest, "ns", switches, "switches", lost, "lost")
measured("storms", "a writer that stands still", *result.texts())
