#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: libprof_start, libprof_stop and libprof_flush under sixteen busy
threads (long: 1,000 times; where the sixteen leave no CPU alone, which makes each slow, so
under perf only).  What main allocates inside is recorded or among the
lost, nothing that it allocates outside is recorded, and what it frees outside is
known to be free.  The same for those calls of the sixteen that lie as a whole between two
of main's; one that a start or stop falls into may be either.

limit: 180
long: 3600
"""
from storm import *


def toggles(what, user, engine, least, pause_us):
    top = user.home / f"{engine}-{pause_us}"
    command = [user.file(W / "w_storm_toggle"), long_seconds(user, engine) if LONG else 1.5,
               least, pause_us]
    ran = run_limited(command, user, preload(user, out=top, cpu=engine, cpu_hz=1000, heap_bytes=1,
                                             limit_bytes=0), 60 + 2 * least)
    check(ran.status == 0 and ran.err == b"", what, "status", ran.status, ran.err)
    check(ran.rows("must") == [["failed", 0]], what, ran.rows("must"))
    p, = documents(top)
    (_, inside, *_), = ran.rows("calls")
    (outside,), (busy, busy_in, busy_out) = ran.rows("outside") + ran.rows("busy")
    (_, rounds), = ran.rows("load")
    lost = sum(p.losses[name] for name in ALLOC_LOSSES)
    got = {site: p.site(site) for site in ("storm_malloc", "toggle_outside", "toggle_busy")}
    check(rounds >= max(least, 1) and outside > 0, what, "did nothing")
    check(got["storm_malloc"]["alloc_n"] <= inside <= got["storm_malloc"]["alloc_n"] + lost, what,
          inside, "calls inside,", got["storm_malloc"], "recorded,", lost, "lost")
    check(got["storm_malloc"]["inuse_n"] <= p.losses["free_ring_full"], what, "alive:",
          got["storm_malloc"], "lost:", p.losses)
    check(got["toggle_outside"]["alloc_n"] == 0, what, "outside:", got["toggle_outside"])
    stackless = sum(row["alloc_n"] for _, stack, row in p.rows("heap") if not is_whole(stack))
    recorded = got["toggle_busy"]["alloc_n"]
    note(what, "busy:", recorded, "recorded of", busy, "in", busy_in, "out", busy_out, "lost", lost)
    check(busy_in <= recorded + lost + stackless, what, busy_in, "busy calls inside,", recorded,
          "recorded,", lost, "lost,", stackless, "without a stack")
    check(recorded <= busy - busy_out, what, recorded, "recorded of", busy, "busy calls,", busy_out,
          "outside")
    busy_inside.append(busy_in)
    check(p.cpu_engine == engine and p.count() > 0, what, p.cpu_engine, p.count(), "samples")
    shutil.rmtree(top)
    return rounds, inside + outside + busy, lost


busy_inside = []
for name, least_of, pause_us in (("16 threads that take all CPUs", {"perf": 1000}, 0),
                                 ("16 busy threads", {"perf": 1000, "timer": 1000}, 1000)):
    rounds = calls = lost = 0
    for user in users() if LONG else users()[:1]:
        for engine in ENGINES:
            least = least_of.get(engine, 0) if LONG and user.name == "self" else 10 + pause_us // 25
            sums = toggles(f"{name} {engine} {user.name}", user, engine, least, pause_us)
            rounds, calls, lost = rounds + sums[0], calls + sums[1], lost + sums[2]
    measured("storms", f"start and stop under {name}",
             f"{rounds:,} starts and stops, {calls:,} allocations", f"{lost:,} allocations")
check(sum(busy_inside) > 0, "no call of the sixteen was made while it was on")
