#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Work that goes round at a rate of its own, 10, 50, 60, 100 and 1000 times a second of
the thread's CPU time, does not beat with the default sampling rate: a thread of 24
periods shows each phase's share as closely as samples drawn at random would.  (At 99
samples a second, 24 periods of a program at 100 see a quarter of its turn: phases of a half had
0 to 100 %.)  The timer engine's samples come at the kernel's ticks, which beat with 1000,
and where others want its CPUs, too, with 100.

The squares of the threads' deviations, summed, are held against the Chernoff bound of a
chi-squared sum at 1e-8: a binomial share varies no more than a normal one of variance 1/4 n.
18 sums in the short form.  The long form counts how often the binomial 95 % interval holds
the share, too, at both engines, and shows what does beat: turns near the sampling rate.

limit: 60
long: 900
"""
from cpu_truth import *

CADENCES = {"perf": (10, 50, 60, 100, 1000), "timer": (10, 50, 60) if LONG else (60,)}
LENGTHS = {"perf": (250, 600) if LONG else (250,), "timer": (250,)}
THREADS = 30 if LONG else 8
PHASES = ("phase_half", "phase_third", "phase_last")


def chi_squared_most(m, rate=1e-8):
    """x with P(X > x) <= exp(-(x - m - m ln(x/m)) / 2) = rate, X of m degrees."""
    low, high = m, 100 * m + 1000
    for _ in range(100):
        x = (low + high) / 2
        low, high = (x, high) if x - m - m * math.log(x / m) < -2 * math.log(rate) else (low, x)
    return high


def look(user, engine, cadence, ms, seed):
    """By phase: the sum of squares, and the misses of the 95 % interval."""
    ran, trace = work("w_truth_phases", seed, cadence, ms, THREADS, user=user, out="phases",
                      cpu=engine)
    profile = Profile(trace)
    remove(trace)
    truth = {(name, phase): ns for name, phase, ns in ran.rows("phase")}
    squares, coverage, few = dict.fromkeys(PHASES, 0.0), Coverage(), []
    for _, name, total in ran.rows("thread"):
        rows = sampled(profile, name)
        n = sum(r["count"] for _, r in rows)
        if n < 10:  # its CPU stood still while its clock went on: a virtual machine's may
            few.append(f"{name} has {n} samples in {total / 1e6:.0f} ms")
            continue
        for phase in PHASES:
            k = sum(r["count"] for p, r in rows if any(f == phase for f, _ in p))
            share = truth[name, phase] / total
            squares[phase] += 4 * (k - n * share) ** 2 / n
            low, high = wilson(k, n)
            coverage.add((cadence, phase, ms), low <= share <= high)
    check(len(few) <= max(1, THREADS // 10), engine, cadence, *few)
    return squares, coverage


def held(engine, cadence, ms, seed):
    what = f"{engine}, {cadence} turns a second, threads of {ms} ms:"
    squares, coverage = look(users()[0], engine, cadence, ms, seed)
    for phase, x in squares.items():
        note(what, phase, f"{x:.1f}", coverage.share(lambda c: c[1] == phase))
        check(x <= chi_squared_most(THREADS), what, phase, f"sum of squares {x:.1f}, at most",
              f"{chi_squared_most(THREADS):.1f}")
    coverage.check(what)
    if LONG:
        measured("cpu", f"phases of a half and two quarters, {cadence} turns a second, within "
                 "their 95 % binomial bound", f"{THREADS} threads of {ms} ms, {engine}",
                 coverage.share())


for engine in ENGINES:
    for ms in LENGTHS[engine]:
        for cadence in CADENCES[engine]:
            held(engine, cadence, ms, cadence + ms)
if LONG:
    rate = round(1e9 / Profile(work("w_mini", out="rate")[1]).raw["engines"]["cpu"]["period_ns"])
    near_rate = [("perf", f) for f in (rate // 2, rate, rate + 1, rate + 3, rate + 6, 2 * rate)]
    for engine, cadence in near_rate + [("timer", 100), ("timer", 1000)]:
        _, coverage = look(users()[0], engine, cadence, 250, cadence)
        measured("cpu", f"what beats: {cadence} turns a second, {rate} samples",
                 f"{THREADS} threads of 250 ms, {engine}",
                 f"half {coverage.share(lambda c: c[1] == PHASES[0])}, quarter "
                 f"{coverage.share(lambda c: c[1] == PHASES[1])} within the 95 % bound")
