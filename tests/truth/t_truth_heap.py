#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Heap estimates against known truth: blocks of 16 B to 64 MiB and mixtures of them,
growing vectors, blocks that another thread frees; allocated bytes and bytes in use, by site
and by thread; both heap engines.  More than 2,000 independent estimates of each kind come
from one process (w_truth_heap), a quarter of them each on about 1, 4, 16 and 64 samples.

The mean of each kind lies within Bernstein's bound, which no run exceeds with a probability
above 1e-7; in the long form runs with other seeds are added until that bound is below 1 %
for sites and threads together.
The 95 % interval holds the truth at least as often as the binomial says at 1e-6 (its true
rate is 95.5 to 99.9 %, so that failing by chance is far less likely), and is not wider than
that needs.  What has no row has the interval of no samples, as JSON.md says.

limit: 120
long: 1000
"""
from lib import *

RATE = 1e-7
NO_SAMPLE = 3.8416  # means: the upper limit of what rests on no sample
RUNS = {4096: 15, 524288: 20} if LONG else {4096: 1, 524288: 1}
SEEDS = iter(range(1, 1000))
KINDS = (("alloc", 0), ("inuse", 1))


class Kind:
    """All estimates of one kind: allocated or in use, of a condition, by site or thread."""

    def __init__(self, mean):
        self.mean, self.n, self.held, self.got, self.truth = mean, 0, 0, 0, 0
        self.wide, self.wide_truth = 0, 0

    def add(self, number, truth, got, low, high):
        self.n += 1
        self.held += low <= truth <= high
        self.got += got
        self.truth += truth
        if number % 4 == 3 and truth:
            self.wide += high - low
            self.wide_truth += 3.92 * math.sqrt(truth * self.mean)

    def bound(self):
        """Of the sum: a byte adds at most mean to the variance, and no block is further
        off than 4 means: those larger than that miss being sampled once in 1e13."""
        log = math.log(2 / RATE)
        most = 4 * self.mean * log / 3
        return most + math.sqrt(most * most + 2 * self.truth * self.mean * log)


def least(n, share=0.95, rate=1e-6):
    """The most hits of n that fewer than rate of binomial draws fall short of."""
    below = 0
    for k in range(n + 1):
        below += math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) +
                          k * math.log(share) + (n - k) * math.log1p(-share))
        if below > rate:
            return k


def environment(engine, mean):
    if engine == "program":
        return {}, ()
    conf = f"prof:true,prof_active:true,lg_prof_sample:{mean.bit_length() - 1}"
    return {"MALLOC_CONF": conf}, (JEMALLOC,)


def profile(engine, mean, sites, threads):
    env, behind = environment(engine, mean)
    seed = next(SEEDS)
    trace = HOME / f"trace-{seed}"
    ran = run([W / "w_truth_heap", mean, sites, threads, int(engine == "jemalloc")], timeout=300,
              env=dict(preload(extra=behind, out=trace, cpu="off", heap=engine, heap_bytes=mean,
                               seed=seed, stack_bytes=1024, limit_bytes=0), **env))
    check(ran.status == 0 and not ran.err, engine, mean, ran.status, ran.err.decode())
    return trace, ran


def read(trace, *options):
    p = Profile(trace, *options)
    check(sum(p.losses.values()) == 0, "losses", p.losses)
    check(not [e for e in p.events if e["text"].startswith("heap")], p.events)
    return p


def add_row(kinds, key, mean, number, truth, row):
    for name, i in KINDS:
        if row is None:
            values = 0, 0, NO_SAMPLE * mean
        else:
            values = row[name + "_space"], *row[name + "_space_95"]
        kinds.setdefault((*key, name), Kind(mean)).add(number, truth[i], *values)


def by_site(engine, mean, kinds, count):
    trace, ran = profile(engine, mean, count, 0)
    truth = {}
    for condition, number, *values in ran.rows("site"):
        truth.setdefault(condition, {})[number] = values
    for condition, of in truth.items():
        p = read(trace, "--focus", f"^cond_{condition}$")
        check(p.heap_engine.split()[0] == engine and p.mean == mean, p.heap_engine, p.mean)
        rows = {p.frames[s["frame"]]: s for s in p.raw["sites"]}
        for number, values in of.items():
            row = rows.pop(f"site_00{number:03o}" if number < 512 else f"site_{number:05o}", None)
            add_row(kinds, (engine, mean, "site", condition), mean, number, values, row)
        check(not rows, "sites that are none:", *list(rows)[:5])
    shutil.rmtree(trace)


def by_thread(engine, mean, kinds, count):
    """Rows of a thread and a stack, and the threads' own figures."""
    trace, ran = profile(engine, mean, 0, count)
    p = read(trace)
    numbers = {i: int(t["name"][7:]) for i, t in enumerate(p.threads)
               if t["name"].startswith("number-")}
    check(len(numbers) == count == len(set(numbers.values())), len(numbers), "threads")
    rows = {}
    for row in p.raw["heap"]:
        found = [f for f in p.stack(row["stack"]) if f.startswith("cond_")]
        if found and row["thread"] in numbers:
            key = found[0][5:], numbers[row["thread"]]
            check(key not in rows, "two rows of", key)
            rows[key] = row
    whole = {n: [0, 0] for n in numbers.values()}
    for condition, number, *truth in ran.rows("thread"):
        add_row(kinds, (engine, mean, "thread", condition), mean, number, truth,
                rows.get((condition, number)))
        whole[number] = [a + b for a, b in zip(whole[number], truth)]
    for index, number in numbers.items():
        add_row(kinds, (engine, mean, "thread", "all"), mean, number, whole[number],
                p.threads[index])
        check(p.threads[index]["alloc_bytes"] >= whole[number][0], "exact bytes of", number)
    shutil.rmtree(trace)


def together(kinds):
    """Sites and threads as one kind: (relative error, bound) of the worst."""
    worst_off = worst_bound = 0
    for engine, mean, _, condition, member in [k for k in kinds if k[2:4] != ("thread", "all")]:
        both = [kinds[engine, mean, what, condition, member] for what in ("site", "thread")]
        sum_of = Kind(mean)
        sum_of.got, sum_of.truth = (sum(getattr(k, m) for k in both) for m in ("got", "truth"))
        worst_off = max(worst_off, abs(sum_of.got / sum_of.truth - 1))
        if condition != "64m":  # exact
            worst_bound = max(worst_bound, sum_of.bound() / sum_of.truth)
    return worst_off, worst_bound


def judge(kinds):
    worst_held = 1
    for key, k in kinds.items():
        off, bound, held = k.got / k.truth - 1, k.bound() / k.truth, k.held / k.n
        note(*key, f"{k.n} estimates, mean {100 * off:+.2f} % (bound {100 * bound:.2f}),",
             f"held {100 * held:.2f} %, width {k.wide / (k.wide_truth or 1):.2f}")
        check(k.n >= 2000, *key, "only", k.n)
        check(abs(off) <= bound, *key, f"mean is {100 * off:+.2f} % off, bound {100 * bound:.2f}")
        check(k.held >= least(k.n), *key, "the interval held", k.held, "of", k.n)
        check(key[3] in ("mix", "all", "64m") or k.wide <= 1.2 * k.wide_truth, *key,
              "intervals are too wide:", k.wide / k.wide_truth)
        check(key[3] != "64m" or abs(off) < 1e-6, *key, "blocks that are certain:", off)
        worst_held = min(worst_held, held)
    return worst_held


for engine in ("program", "jemalloc"):
    if engine == "jemalloc" and not os.path.exists(JEMALLOC):
        skip("libjemalloc2 is not installed")
    for mean, times in RUNS.items():
        kinds = {}
        for _ in range(times):
            by_site(engine, mean, kinds, 2048)
            by_thread(engine, mean, kinds, 2000)
        held = judge(kinds)
        off, bound = together(kinds)
        check(not LONG or (off < 0.01 and bound < 0.01), "means: off", off, "bound", bound)
        n = sum(k.n for k in kinds.values())
        measured("heap", f"{engine} engine, a sample every {mean >> 10} KiB: means of "
                 f"{len(kinds)} kinds of estimates within 1 %; 95 % intervals hold the truth",
                 f"{n} estimates", f"worst mean {100 * off:.2f} % off; intervals held "
                 f"{100 * held:.1f} % or more of each kind")
