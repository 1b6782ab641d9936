#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Work that goes round at a rate of its own, 10, 50, 60, 100 and 1000 times a second of
the thread's CPU time, does not beat with the default sampling rate: a thread of 24
periods shows each phase's share as closely as samples drawn at random would.  (At 99
samples a second, 24 periods of a program at 100 see a quarter of its turn: phases of a half had
0 to 100 %.)  The timer engine holds all of them but 1000.

The squares of the threads' deviations, summed, are held against the Chernoff bound of a
chi-squared sum at 1e-8: a binomial share varies no more than a normal one of variance 1/4 n.
18 sums in the short form.  The long form counts how often the binomial 95 % interval holds
the share, too, at both engines, alone and beside busy loops, and shows what does beat.

The kernel looks at CPU timers at its ticks only.  What that keeps any of them from seeing is
shown, not claimed, and held to be the timers' own: a bare one of the same thread at the same
rate sees the same shares (3 sums at 1e-8, 9 in the long form).  1000 turns a second go round
whole between two ticks; and phases that end in a system call where others want the CPU leave
it there, to come back at a tick.  Perf sees both truly.

limit: 120
long: 1800
"""
from contextlib import contextmanager

from cpu_truth import *

CADENCES = {"perf": (10, 50, 60, 100, 1000), "timer": (10, 50, 60, 100) if LONG else (100,)}
LENGTHS = {"perf": (250, 600) if LONG else (250,), "timer": (250,)}
THREADS = 30 if LONG else 8
PHASES = ("phase_half", "phase_third", "phase_last")
RATE = 94


def chi_squared_most(m, rate=1e-8):
    """x with P(X > x) <= exp(-(x - m - m ln(x/m)) / 2) = rate, X of m degrees."""
    low, high = m, 100 * m + 1000
    for _ in range(100):
        x = (low + high) / 2
        low, high = (x, high) if x - m - m * math.log(x / m) < -2 * math.log(rate) else (low, x)
    return high


def hoeffding_most(variance, rate=1e-8):
    """|x| with P(|X| > |x|) <= rate, X a sum of shares that vary at most so much: no share's
    tail is longer than that of a normal one of the variance 1/4 n."""
    return math.sqrt(2 * math.log(2 / rate) * variance)


@contextmanager
def beside(loops):
    """Busy loops that want the CPUs, too."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(loops)]
    try:
        yield
    finally:
        for p in busy:
            p.kill()
            p.wait()


class Seen:
    """Of a thread: its phases' shares, and how many samples of how many they have."""

    def __init__(self, rows, bare, truth, total):
        self.n, self.bare_n = sum(r["count"] for _, r in rows), sum(bare.values())
        self.share = {p: truth[p] / total for p in PHASES}
        self.k = {p: sum(r["count"] for s, r in rows if any(f == p for f, _ in s)) for p in PHASES}
        self.bare_k = bare


def look(engine, cadence, ms, seed, ends_in_call=False, bare_hz=0):
    """What is seen of each thread."""
    ran, trace = work("w_truth_phases", seed, cadence, ms, THREADS, int(ends_in_call), bare_hz,
                      out="phases", cpu=engine, timeout=300)
    profile = Profile(trace)
    remove(trace)
    truth, bare, seen, few = {}, {}, [], []
    for name, phase, ns, samples in ran.rows("phase"):
        truth.setdefault(name, {})[phase] = ns
        bare.setdefault(name, {})[phase] = samples
    for _, name, total in ran.rows("thread"):
        of = Seen(sampled(profile, name), bare[name], truth[name], total)
        if of.n >= 10 and (of.bare_n >= 10 or not bare_hz):
            seen.append(of)
        else:  # its CPU stood still while its clock went on: a virtual machine's may
            few.append(f"{name} has {of.n} samples in {total / 1e6:.0f} ms")
    # Phases that end in a call, beside loops: threads that hardly any tick met are the point.
    check(len(few) <= (THREADS // 2 if ends_in_call else max(1, THREADS // 10)), engine, cadence,
          *few)
    return seen


def coverage_of(counts):
    """Of (share, k, n) by phase: how often the 95 % interval held the share."""
    coverage = Coverage()
    for phase, share, k, n in counts:
        low, high = wilson(k, n)
        coverage.add(phase, low <= share <= high)
    return coverage


def shown(seen):
    return coverage_of((p, t.share[p], t.k[p], t.n) for t in seen for p in PHASES)


def shown_bare(seen):
    return coverage_of((p, t.share[p], t.bare_k[p], t.bare_n) for t in seen for p in PHASES)


def load_of(loops, ends_in_call=False):
    return (" that end in a system call each phase" if ends_in_call else "") + (
        f", beside {loops} busy loops" if loops else "")


def held(engine, cadence, ms, loops=0):
    work_is = f"{cadence} turns a second{load_of(loops)}"
    what = f"{engine}, {work_is}, threads of {ms} ms:"
    with beside(loops):
        seen = look(engine, cadence, ms, cadence + ms)
    for p in PHASES:
        x = sum(4 * (t.k[p] - t.n * t.share[p]) ** 2 / t.n for t in seen)
        most = chi_squared_most(THREADS)
        note(what, p, f"{x:.1f}")
        check(x <= most, what, p, f"sum of squares {x:.1f}, at most {most:.1f}")
    coverage = shown(seen)
    coverage.check(what)
    if LONG:
        measured("cpu", f"phases of a half and two quarters, {work_is}, within their 95 % binomial "
                 "bound", f"{THREADS} threads of {ms} ms, {engine}", coverage.share())


def by_phase(coverage):
    return (f"half {coverage.share(lambda p: p == PHASES[0])}, quarter "
            f"{coverage.share(lambda p: p != PHASES[0])} within the 95 % bound")


def agree(what, pairs):
    """By thread, of each phase: two shares, and what their difference varies at most."""
    for p in PHASES:
        apart = sum(one[p] - other[p] for one, other, _ in pairs)
        most = hoeffding_most(sum(variance for _, _, variance in pairs))
        note(what, p, f"{apart:.2f} apart in {len(pairs)} threads, of {most:.2f}")
        check(abs(apart) <= most, what, p, f"{apart:.2f} apart in {len(pairs)} threads, at most",
              f"{most:.2f}")


def what_ticks_do_not_see(cadence, ends_in_call, loops):
    """No timer of the thread does, and perf does."""
    what = f"{cadence} turns a second{load_of(loops, ends_in_call)}"
    for engine in ("timer", "perf") if ends_in_call else ("timer",):
        with beside(loops):
            seen = look(engine, cadence, 250, cadence, ends_in_call, RATE)
        shares = [{p: t.k[p] / t.n for p in PHASES} for t in seen]
        bare = [{p: t.bare_k[p] / t.bare_n for p in PHASES} for t in seen]
        if engine == "perf":
            agree(what + ", perf and truth:", [(share, t.share, 1 / t.n / 4)
                                               for share, t in zip(shares, seen)])
        else:
            agree(what + ", timer and bare timer:",
                  [(share, other, (1 / t.n + 1 / t.bare_n) / 4)
                   for share, other, t in zip(shares, bare, seen)])
        for who, coverage, of in ((engine, shown(seen), shares),
                                  ("bare timer_create", shown_bare(seen), bare)):
            mean = ", ".join(f"{sum(s[p] for s in of) / len(of):.0%}" for p in PHASES)
            measured("cpu", f"what ticks do not see: {what}",
                     f"{THREADS} threads of 250 ms, {who} (of a run under {engine})",
                     f"{by_phase(coverage)}, mean shares {mean}")


for engine in ENGINES:
    for ms in LENGTHS[engine]:
        for cadence in CADENCES[engine]:
            held(engine, cadence, ms)
what_ticks_do_not_see(1000, False, 0)
if LONG:
    for engine in ENGINES:
        held(engine, 100, 250, 2)
    what_ticks_do_not_see(100, True, 2)
    rate = round(1e9 / Profile(work("w_mini", out="rate")[1]).raw["engines"]["cpu"]["period_ns"])
    check(rate == RATE, "the default rate is", rate)
    for cadence in (rate // 2, rate, rate + 1, rate + 3, rate + 6, 2 * rate):
        measured("cpu", f"what beats: {cadence} turns a second, {rate} samples",
                 f"{THREADS} threads of 250 ms, perf", by_phase(shown(look("perf", cadence, 250,
                                                                           cadence))))
