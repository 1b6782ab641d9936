#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A thread's total is its CPU clock, however short it is and whatever way it ends:
threads of 256, 128, 64 ... ms down to nothing but their start, that return, call pthread_exit, are
cancelled, or sleep on when the process ends; both engines, as root and as an
ordinary user.  No sample is enough to know that: what none covers is a row of its own,
[not sampled] under the thread's start function, and all rows add up to the total.

The total must lie between the clock at the end of the thread's work and in its last
destructor, 1 % aside; nothing here is an estimate, so that there is no false-failure rate.
The two readings must themselves be within a hundredth of the thread's time, or of a sampling
period (0.1 ms) where the thread is shorter: all of a thread's end lies between them, some
microseconds, tens of them where it is unwound.  What else comes in between is the
machine's: the program then runs another such thread, up to five; every one's total is held.

limit: 60
long: 300
false: 0
"""
from cpu_truth import *

RUNS, LONGEST_MS = (10, 256) if LONG else (1, 64)
off = tries = short = 0
wide_ns = wide_share = again = 0  # of the nearest of each thread's tries


def check_brackets(what, rows):
    """least and most say where the total is."""
    global wide_ns, wide_share, again
    nearest = {}
    for _, name, least, most in rows:
        nearest[name] = min(nearest.get(name, (math.inf, 0)), (most - least, least))
    check(len(nearest) == 64, what, len(nearest), "threads")
    again += len(rows) - len(nearest)
    for name, (apart, least) in nearest.items():
        check(0 <= apart <= max(least, PERIOD_NS) / 100, what, name, "readings", apart,
              "ns apart after", least)
        if least < PERIOD_NS:
            wide_ns = max(wide_ns, apart)
        else:
            wide_share = max(wide_share, apart / least)


for user in users():
    for engine in ENGINES:
        for n in range(RUNS):
            what = f"{engine} as {user.name}:"
            ran, trace = work("w_truth_totals", LONGEST_MS, user=user, out=f"{engine}-{n}",
                              cpu=engine)
            profile = Profile(trace)
            settled(profile, what)
            period = profile.raw["engines"]["cpu"]["period_ns"]
            rows = ran.rows("thread")
            check(round(period) == PERIOD_NS, what, "period", period)
            check_brackets(what, rows)
            for tid, name, least, most in rows:
                t = profile.thread(tid)
                check(t["name"] == name, what, "thread", tid, "is called", t["name"])
                check(0.99 * least <= t["cpu_ns"] <= 1.01 * most, what, name, t["cpu_ns"],
                      "is not from", least, "to", most)
                outside = max(least - t["cpu_ns"], t["cpu_ns"] - most, 0)
                tries, off = tries + 1, max(off, outside / least)
                if t["cpu_ns"] < period:
                    short += 1
                if t["samples"]:
                    continue
                starts = {s[-2:] for th, s, _, ns in profile.stacks() if th is t}
                check(starts == {("thread_body", "[not sampled]")}, what, name, starts)
            remove(trace)
measured("cpu", "a thread's total is its CPU clock, however short and however it ends",
         f"{tries} threads, {short} of them shorter than a period; perf and timer, {user_names()}",
         f"at most {off:.3%} outside of the clock's readings at its end; these at most "
         f"{wide_share:.2%} apart, in threads shorter than a period {wide_ns / 1000:.0f} us "
         f"({again} threads run anew for a wider one)")
