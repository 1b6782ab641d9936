#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Heap estimates where the distance between samples changes all the time, since more would
come than LIBPROF_HEAP_HZ lets: threads that allocate fast and slowly by turns, blocks far smaller
and far larger than the distance and than what a thread's gap is cut off at.  The sum of each site
of 100 samples or more is right, and the 95 % intervals of sites by thread hold the truth as
often as the binomial says.

And a rush of 1 ms, after which nothing may be sampled by the distance that it led to: the trace
says how far that was all the same, so that what has no row is known to be no more than it is.

By chance one of 8 sums is further off than 5.5 of its standard deviations once in 3e6 runs, and
fewer intervals hold the truth than the limit once in 1e8.

limit: 60
long: 300
false: 4e-7
"""
from lib import *

THREADS, MS, HEAP_BYTES, HEAP_HZ = 24, 3000, 16384, 4000


def by_thread(p):
    found = {}
    for thread, stack, row in p.rows("heap"):
        if stack[-1].startswith("rate_"):
            key = int(thread["name"].rpartition("-")[2]), stack[-1]
            check(key not in found, "two rows of", key)
            found[key] = row
    return found


def once(seed):
    for attempt in range(5):  # where the writer is starved events are lost, and the trace says so
        ran, trace = work("w_heap_rate", THREADS, MS, out=f"trace-{seed}-{attempt}", cpu="off",
                          heap_bytes=HEAP_BYTES, heap_hz=HEAP_HZ)
        p = Profile(trace)
        if not sum(p.losses.values()):
            break
    check(not sum(p.losses.values()), p.losses)
    most = p.raw["engines"]["heap"]["mean_bytes_most"]
    check(p.mean == HEAP_BYTES and most >= 8 * HEAP_BYTES, p.mean, most)
    rows, held, sums = by_thread(p), 0, {}
    truth = ran.rows("row")
    for number, site, _, size in truth:
        row = rows.pop((number, site), None)
        low, high = row["alloc_space_95"] if row else (0, 3.8416 * most)
        held += low <= size <= high
        sums.setdefault(site, [0, 0])
        sums[site][0] += size
        sums[site][1] += row["alloc_space"] if row else 0
    check(not rows, "rows of nobody:", rows)
    n = sum(row["alloc_n"] for row in p.raw["heap"])
    dense = sum(-calls * math.expm1(-size / calls / HEAP_BYTES) for _, _, calls, size in truth)
    note(f"{n} samples; {dense:.0f} without a limit")
    check(n <= dense / 5, n, "samples;", dense, "without a limit")
    return p, held, len(truth), sums, n, most


def bursts(n):
    """How many of 2 n intervals hold the truth, most of them of what has no row."""
    held = again = 0
    for i in range(n):
        for attempt in range(10):  # without its CPU for a while it is no rush
            again += attempt > 0
            ran, trace = work("w_heap_burst", out=f"burst-{i}-{attempt}", cpu="off")
            p = Profile(trace)
            most = p.raw["engines"]["heap"]["mean_bytes_most"]
            if most >= 16 * p.mean:
                break
        check(most >= 16 * p.mean, "after a rush samples are", most, "bytes apart")
        for name, _, size in ran.rows("site"):
            rows = [r for _, stack, r in p.rows("heap") if stack[-1] == name]
            low, high = rows[0]["alloc_space_95"] if rows else (0, 3.8416 * most)
            held += low <= size <= high
    check(again <= n, again, "of", n, "rushes were none")
    note(f"{held} of {2 * n} intervals hold the truth around a rush")
    check(held >= least(2 * n), "around a rush intervals held", held, "of", 2 * n)


bursts(200 if LONG else 40)
all_held = all_n = samples = 0
whole, worst = {}, 0
for seed in range(1, 11 if LONG else 3):
    p, held, n, sums, taken, most = once(seed)
    all_held, all_n, samples = all_held + held, all_n + n, samples + taken
    for row in p.raw["sites"]:
        name = p.frames[row["frame"]]
        if name in sums and row["alloc_n"] >= 100:  # of fewer, the intervals tell
            true, got = sums[name]
            deviation = (row["alloc_space"] - row["alloc_space_95"][0]) / 1.96
            of = whole.setdefault(name, [0, 0, 0])
            of[0], of[1], of[2] = of[0] + got, of[1] + true, of[2] + deviation ** 2
check(len(whole) >= 4, whole)
for name, (got, true, variance) in sorted(whole.items()):
    off = (got - true) / max(variance ** 0.5, 1e-9 * true)
    worst = max(worst, abs(off))
    note(f"{name}: {got} of {true}, {off:+.2f} standard deviations")
    check(abs(off) < 5.5, name, "is", got, "wanted", true, f"{off:+.2f} standard deviations")
note(f"{all_held} of {all_n} intervals hold the truth, {samples} samples, up to {most} bytes apart")
check(all_held >= least(all_n), "intervals held", all_held, "of", all_n)
measured("heap", f"samples thinned to {HEAP_HZ} a second, from {HEAP_BYTES >> 10} KiB apart to "
         f"{most >> 10} KiB and back: bytes by site and thread",
         f"{all_n} estimates on {samples} samples",
         f"95 % intervals hold the truth in {100 * all_held / all_n:.1f} %; sums by site at most "
         f"{worst:.1f} standard deviations off")
