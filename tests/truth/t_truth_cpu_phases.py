#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Work that goes round at a rate of its own, 10, 50, 60, 100 and 1000 times a second of
the thread's CPU time, does not beat with the default sampling rate: a thread of 24
periods shows each phase's share as closely as samples drawn at random would.  (At 99
samples a second, 24 periods of a program at 100 see a quarter of its turn: phases of a half had
0 to 100 %.)  The timer engine holds all of them but 1000.

The squares of the threads' deviations, summed, are held against the Chernoff bound of a
chi-squared sum at 1e-8 (24 sums by phase and cadence in the short form, and one over all claimed,
of each thread the mean of its phases, however they depend on each other); and the misses of the
binomial 95 % intervals, pooled over threads, against Hoeffding's at 1e-7 (1 a run, 1 a cadence, 1
over all). perf and timer, root and an ordinary user; the long form has all cadences, beside busy
loops, too, and shows what beats. These checks must find out what beats: exactly even samples of
94 and 95 turns (drawn, 30 threads), and real threads whose number of samples says that the host
let them be, as many as it takes.

The kernel looks at CPU timers at its ticks only.  What that keeps any of them from seeing is
shown, not claimed, and held to be the timers' own: a bare one of the same thread at the same
rate sees the same shares (3 sums at 1e-8, 9 in the long form).  1000 turns a second go round
whole between two ticks; and phases that end in a system call where others want the CPU leave
it there, to come back at a tick.  Perf sees both truly.

limit: 240
long: 1800
false: 5e-6
false-long: 1.2e-5
"""
import itertools
import random
from contextlib import contextmanager

from cpu_truth import *

CADENCES = {"perf": (10, 50, 60, 100, 1000), "timer": (10, 50, 60, 100) if LONG else (100,)}
LENGTHS = {"perf": (250, 600) if LONG else (250,), "timer": (250,)}
THREADS = 30 if LONG else 8
PHASES = ("phase_half", "phase_third", "phase_last")
BEATING = (RATE, RATE + 1)
MOST_TRIES = 4 if LONG else 10  # of THREADS threads each, to see a cadence beat


def chi_squared_most(m, rate=1e-8):
    """x with P(X > x) <= exp(-(x - m - m ln(x/m)) / 2) = rate, X of m degrees."""
    low, high = m, 100 * m + 1000
    for _ in range(100):
        x = (low + high) / 2
        low, high = (x, high) if x - m - m * math.log(x / m) < -2 * math.log(rate) else (low, x)
    return high


def variance_most(share):
    """Of a hit at this share; the tails of its sums are no longer than a normal one's of so
    much (M. Kearns, L. Saul, "Large deviation methods for approximate probabilistic
    inference", 1998)."""
    return 1 / 4 if share == 0.5 else (1 - 2 * share) / 2 / math.log((1 - share) / share)


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
        self.periods = total / PERIOD_NS
        self.share = {p: truth[p] / total for p in PHASES}
        self.k = {p: sum(r["count"] for s, r in rows if any(f == p for f, _ in s)) for p in PHASES}
        self.bare_k = bare

    def square(self, p):
        """Of the phase's deviation; 1 on average and less, of samples drawn at random."""
        off = self.k[p] - self.n * self.share[p]
        return off * off / self.n / variance_most(self.share[p])


def look(engine, cadence, ms, seed, ends_in_call=False, bare_hz=0, user=None):
    """What is seen of each thread."""
    ran, trace = work("w_truth_phases", seed, cadence, ms, THREADS, int(ends_in_call), bare_hz,
                      user=user, out="phases", cpu=engine, timeout=300)
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
    check(len(few) <= (THREADS // 2 if ends_in_call else 1), engine, cadence, *few)
    return seen


def load_row(seen, ms, who):
    left_out = THREADS - len(seen)
    return f"{THREADS} threads of {ms} ms, {who}" + (
        f"; {left_out} left out, of fewer than ten samples" if left_out else "")


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


def pool_of(seen):
    pool = Pool()
    for i, t in enumerate(seen):
        for p in PHASES:
            pool.add("phases", i, holds(t.k[p], t.n, t.share[p]), miss_chance(t.n, t.share[p]))
    return pool


def spread(seen):
    """What the threads' squares come to, and what they may."""
    return math.fsum(t.square(p) for t in seen for p in PHASES) / len(PHASES), chi_squared_most(
        len(seen))


def beats(seen, what):
    """Whether samples lie further off than drawn ones would: by squares, by intervals."""
    square, most_square = spread(seen)
    missed, most = pool_of(seen).bound()
    note(what, f"{len(seen)} threads: {square / len(seen):.2f} squared, at most "
         f"{most_square / len(seen):.2f}; {missed:.1%} missed, at most {most:.1%}")
    return square > most_square or missed >= most


def held(user, engine, cadence, ms, loops=0):
    work_is = f"{cadence} turns a second{load_of(loops)}"
    who = f"{engine}, {name_of(user)}"
    what = f"{who}, {work_is}, threads of {ms} ms:"
    with beside(loops):
        seen = look(engine, cadence, ms, next(seeds), user=user)
    for p in PHASES:
        x, most = sum(t.square(p) for t in seen), chi_squared_most(len(seen))
        note(what, p, f"{x:.1f}")
        check(x <= most, what, p, f"sum of squares {x:.1f}, at most {most:.1f}")
    coverage = shown(seen)
    coverage.check(what)
    check(not beats(seen, what), what, "beats")
    claimed.setdefault(cadence, []).extend(seen)
    if LONG:
        measured("cpu", f"phases of a half and two quarters, {work_is}, within their 95 % binomial "
                 "bound", load_row(seen, ms, who), coverage.share())


def check_pooled(cadence, seen):
    """Over all engines, users and lengths."""
    check(not beats(seen, f"{cadence}, pooled:"), cadence, "turns a second, pooled, beat")
    square, most = (x / len(seen) for x in spread(seen))
    measured("cpu", f"phases at {cadence} turns a second, pooled: samples lie no further off than "
             "drawn at random", f"{len(seen)} threads, perf and timer, {user_names()}",
             f"{pool_of(seen).share()}; squares of deviations {square:.2f} times those of random "
             f"samples, at most {most:.2f} asked")


class Drawn(Seen):
    """As Seen, of a sampler that nothing disturbs."""

    def __init__(self, cadence, periods, draw):
        at, first = draw.random(), draw.random()
        turns = [(at + (first + i) * cadence / RATE) % 1 for i in range(periods)]
        self.n, self.share = periods, dict(zip(PHASES, (1 / 2, 1 / 4, 1 / 4)))
        self.k = dict(zip(PHASES, (sum(t < 1 / 2 for t in turns),
                                   sum(1 / 2 <= t < 3 / 4 for t in turns),
                                   sum(3 / 4 <= t for t in turns))))


def check_is_sharp():
    """The checks tell what beats from what does not.  (97 turns are no more than 1.2 times as
    far off as random samples, of 24 periods: less than what is asked.)"""
    for cadence in (*CADENCES["perf"], *BEATING):
        draw = random.Random(cadence)
        does = beats([Drawn(cadence, 24, draw) for _ in range(30)], f"drawn at {cadence}:")
        check(does == (cadence in BEATING), "samples at even distances of", cadence,
              "turns a second", "do" if does else "do not", "fail the checks")


def beats_indeed(cadence):
    """Real threads do, where the host lets them: they have as many samples as periods.  What
    else it does to them makes them beat less, and takes more of them to show it."""
    what, seen, tries, found = f"{cadence} turns a second:", [], 0, False
    while not found and tries < MOST_TRIES:
        tries += 1
        seen += [t for t in look("perf", cadence, 250, cadence + tries)
                 if abs(t.n - t.periods) < 1]
        found = len(seen) >= 8 and beats(seen, what)
    enough = found or len(seen) >= MOST_TRIES * THREADS // 2
    check(found or not enough, what, "pass the checks, in", len(seen), "threads")
    square, most = spread(seen) if enough else (math.nan, math.nan)
    measured("cpu", f"the checks find out that {cadence} turns a second beat",
             f"{len(seen)} threads of 250 ms that the host did not disturb, of {tries * THREADS}",
             f"squares of deviations {square / len(seen):.1f} times those of random samples, at "
             f"most {most / len(seen):.1f} asked" if enough else "not tried: too few such threads")


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
            measured("cpu", f"not claimed: what ticks do not see: {what}",
                     load_row(seen, 250, f"{who} (of a run under {engine})"),
                     f"{by_phase(coverage)}, mean shares {mean}")


claimed, seeds = {}, itertools.count(1)
check_is_sharp()
for user in users():
    for engine in ENGINES:
        for ms in LENGTHS[engine] if not user.prefix else (250,):
            for cadence in CADENCES[engine] if not user.prefix or LONG else (100,):
                held(user, engine, cadence, ms)
for cadence in BEATING if LONG else BEATING[:1]:
    beats_indeed(cadence)
what_ticks_do_not_see(1000, False, 0)
if LONG:
    for engine in ENGINES:
        held(User("self"), engine, 100, 250, 2)
for cadence, seen in (*claimed.items(), ("all these", sum(claimed.values(), []))):
    check_pooled(cadence, seen)
if LONG:
    what_ticks_do_not_see(100, True, 2)
    rate = round(1e9 / Profile(work("w_mini", out="rate")[1]).raw["engines"]["cpu"]["period_ns"])
    check(rate == RATE, "the default rate is", rate)
    for cadence in (rate // 2, rate, rate + 1, rate + 3, rate + 6, 2 * rate):
        seen = look("perf", cadence, 250, cadence)
        measured("cpu", f"{'shown' if cadence == 100 else 'not claimed'}: what beats: {cadence} "
                 f"turns a second, {rate} samples", load_row(seen, 250, "perf"),
                 by_phase(shown(seen)))
