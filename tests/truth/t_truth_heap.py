#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Heap estimates against known truth: blocks of 16 B to 64 MiB and mixtures of them,
growing vectors, blocks that another thread frees; allocated and in use, bytes and objects,
by site and by thread; both heap engines.  More than 2,000 independent estimates of each kind
come from one process (w_truth_heap), a quarter of them each on about 1, 4, 16 and 64 samples;
in the long form small blocks at the default distance, too, the smallest on 1, 2, 4 and 8.

Means: of each kind within 1 %, or within Bernstein's bound where that is wider for the
number of samples; the long form draws so many that it is below 1 % for the bytes of every
kind (but for small blocks at the default distance, which would take hours), the short one
for allocated bytes of all conditions together.
Intervals: the 95 % interval of each kind holds the truth, for each of the four numbers of
samples, at least as often as the binomial says.  There is no upper limit to how often: it
is as wide as JSON.md says it is, and that is cautious for few samples.  Its mean width is
within 1.1 times what that formula gives for the true variance, and on 25 samples or more
within 1.2 times the 3.92 standard deviations that it needs.  What has no row has the
interval of no samples, as JSON.md says; those are counted apart.  Of objects JSON.md says
that the sizes seen stand for those that are not, so it is told for sizes mixed, not required.

Each of at most 2,000 such limits fails by chance with a probability below 1e-8: all
together 2e-5.

limit: 120
long: 1500
false: 2e-5
"""
from lib import *

RATE = 1e-8
NO_SAMPLE = 3.8416  # means: the upper limit of what rests on no sample
MEMBERS = ("alloc_space", "inuse_space", "alloc_objects", "inuse_objects")
MIXED = ("mix", "grow", "all")  # conditions of several sizes
# Rounds of w_truth_heap by mean distance and whether its blocks are the small ones.
RUNS = {(4096, 1): 1, (524288, 0): 1}
if LONG:
    RUNS = {(4096, 1): 13, (524288, 0): 13, (524288, 1): 2}
SEEDS = iter(range(1, 1000))


class Truth:
    """Of one estimate: the sum of its blocks, the variance and the largest possible error
    of one: a block of S bytes counts S/p or not at all, p = 1 - exp(-S/mean).  (That one
    which is missed less than once in 1e15 is not, is no error that a run would see.)"""

    def __init__(self):
        self.sum, self.variance, self.most = 0, 0, 0

    def add(self, size, mean, weight, blocks):
        missed = math.exp(-size / mean)
        self.sum += weight * blocks
        self.variance += weight ** 2 * blocks * missed / (1 - missed)
        if missed > 1e-15:
            self.most = max(self.most, weight, weight * missed / (1 - missed))

    def include(self, other):
        self.sum += other.sum
        self.variance += other.variance
        self.most = max(self.most, other.most)

    def bound(self):
        """Bernstein's: no sum of estimates is further off, but for one in 1 / RATE."""
        log = math.log(2 / RATE)
        most = self.most * log / 3
        return most + math.sqrt(most * most + 2 * self.variance * log)

    def width(self, unseen):
        """Of the interval that JSON.md defines, for this variance."""
        more = 1.92 * unseen
        return min(self.sum, 1.96 * math.sqrt(self.variance)) + more + math.sqrt(
            3.84 * self.variance + more * more)


class Kind:
    """All estimates of one kind: a member, of a condition, by site or thread."""

    def __init__(self, key):
        self.key, self.mean, self.member, self.mixed = key, key[1], key[-1], key[4] in MIXED
        self.truth, self.got, self.absent = Truth(), 0, 0
        self.n, self.held = [0] * 4, [0] * 4
        self.width, self.wanted, self.wide, self.ideal = 0, 0, 0, 0

    def add(self, number, truth, row):
        self.truth.include(truth)
        if row is not None:
            self.got += row[self.member]
            low, high = row[self.member + "_95"]
            self.add_width(truth, high - low)
        else:
            self.absent += 1
            if self.member.endswith("objects"):  # nothing is said of it
                return
            low, high = 0, NO_SAMPLE * self.mean
        self.n[number % 4] += 1
        self.held[number % 4] += low <= truth.sum <= high

    def add_width(self, truth, width):
        unseen = self.mean
        if self.member.endswith("objects"):
            unseen = truth.variance / truth.sum if truth.sum else 0
        self.width += width
        self.wanted += truth.width(unseen)
        if truth.variance >= 25 * unseen * unseen > 0:
            self.wide += width
            self.ideal += 3.92 * math.sqrt(truth.variance)

    def off(self):
        return self.got / self.truth.sum - 1

    def bound(self):
        return self.truth.bound() / self.truth.sum

    def share_held(self):
        return min(h / n for h, n in zip(self.held, self.n) if n)

    def is_told(self):
        """JSON.md promises the interval of no such kind."""
        return self.mixed and self.member.endswith("objects")


def truths(rows, mean):
    """{(condition, number): [Truth of each member]}"""
    found = {}
    for condition, number, size, calls, live in rows:
        of = found.setdefault((condition, number), [Truth() for _ in MEMBERS])
        for truth, weight, blocks in zip(of, (size, size, 1, 1), (calls, live, calls, live)):
            truth.add(size, mean, weight, blocks)
    return found


def environment(engine, mean):
    if engine == "program":
        return {}, ()
    conf = f"prof:true,prof_active:true,lg_prof_sample:{mean.bit_length() - 1}"
    return {"MALLOC_CONF": conf}, (JEMALLOC,)


def profile(engine, mean, small, sites, threads):
    env, behind = environment(engine, mean)
    seed = next(SEEDS)
    trace = HOME / f"trace-{seed}"
    ran = run([W / "w_truth_heap", mean, sites, threads, int(engine == "jemalloc"), small],
              timeout=300,
              env=dict(preload(extra=behind, out=trace, cpu="off", heap=engine, heap_bytes=mean,
                               heap_hz=0, seed=seed, stack_bytes=1024, limit_bytes=0), **env))
    check(ran.status == 0 and not ran.err, engine, mean, ran.status, ran.err.decode())
    return trace, ran


def read(trace, *options):
    p = Profile(trace, *options)
    check(sum(p.losses.values()) == 0, "losses", p.losses)
    check(not [e for e in p.events if e["text"].startswith("heap")], p.events)
    return p


def add_row(kinds, key, number, truth, row):
    for member, of in zip(MEMBERS, truth):
        k = (*key, member)
        kinds.setdefault(k, Kind(k)).add(number, of, row)


def by_site(engine, mean, small, kinds, count):
    trace, ran = profile(engine, mean, small, count, 0)
    truth = truths(ran.rows("site"), mean)
    for condition in sorted({c for c, _ in truth}):
        p = read(trace, "--focus", f"^cond_{condition}$")
        check(p.heap_engine.split()[0] == engine and p.mean == mean, p.heap_engine, p.mean)
        rows = {p.frames[s["frame"]]: s for s in p.raw["sites"]}
        for (c, number), values in truth.items():
            if c == condition:
                name = f"site_00{number:03o}" if number < 512 else f"site_{number:05o}"
                add_row(kinds, (engine, mean, small, "site", c), number, values,
                        rows.pop(name, None))
        check(not rows, "sites that are none:", *list(rows)[:5])
    shutil.rmtree(trace)


def by_thread(engine, mean, small, kinds, count):
    """Rows of a thread and a stack, and the threads' own figures."""
    trace, ran = profile(engine, mean, small, 0, count)
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
    whole = {n: [Truth() for _ in MEMBERS] for n in numbers.values()}
    for (condition, number), truth in truths(ran.rows("thread"), mean).items():
        add_row(kinds, (engine, mean, small, "thread", condition), number, truth,
                rows.get((condition, number)))
        for total, part in zip(whole[number], truth):
            total.include(part)
    for index, number in numbers.items():
        add_row(kinds, (engine, mean, small, "thread", "all"), number, whole[number],
                p.threads[index])
        check(p.threads[index]["alloc_bytes"] >= whole[number][0].sum, "exact bytes of", number)
    shutil.rmtree(trace)


def judge(kind):
    key, off, bound = kind.key, kind.off(), kind.bound()
    width, wide = kind.width / kind.wanted, kind.ideal and kind.wide / kind.ideal
    note(*key, f"{sum(kind.n)} estimates ({kind.absent} without a row), mean {100 * off:+.2f} % "
         f"(bound {100 * bound:.2f}), held", *(f"{100 * h / n:.2f} % of {n}," if n else "none,"
                                               for h, n in zip(kind.held, kind.n)),
         f"width {width:.3f} of the formula's, {wide:.3f} of what is needed")
    check(sum(kind.n) + kind.absent >= 2000, *key, "only", kind.n)
    check(abs(off) <= max(0.01, bound), *key, f"mean is {100 * off:+.2f} % off")
    if LONG and key[1:3] != (524288, 1) and not key[-1].endswith("objects"):
        check(bound < 0.01, *key, f"too few estimates for 1 %: bound {100 * bound:.2f}")
    check(key[4] != "64m" or abs(off) < 1e-6, *key, "blocks that are certain:", off)
    if kind.is_told():
        return
    for held, n in zip(kind.held, kind.n):
        check(held >= least(n), *key, "the interval held", held, "of", n)
    check(width <= 1.1, *key, "intervals are wider than the formula's:", width)
    check(wide <= 1.2, *key, "intervals are wider than needed:", wide)


def together(kinds, member):
    """All conditions, sites and threads: off, bound."""
    truth, got = Truth(), 0
    for key, kind in kinds.items():
        if key[4] != "all" and key[-1] == member:
            truth.include(kind.truth)
            got += kind.got
    return got / truth.sum - 1, truth.bound() / truth.sum


def least_held(kinds):
    return f"{100 * min(k.share_held() for k in kinds):.1f} % or more"


def tell_means(what, kinds):
    within = [k for k in kinds if k.bound() < 0.01]
    others = [k for k in kinds if k not in within]
    found = [f"{len(within)} kinds: at most {100 * max(abs(k.off()) for k in within):.2f} % off"
             ] if within else []
    if others:
        found.append(f"{len(others)} kinds of few samples, whose bound is wider: at most "
                     f"{100 * max(abs(k.off()) for k in others):.2f} % off, bounds to "
                     f"{100 * max(k.bound() for k in others):.1f} %")
    measured("heap", f"{what}: means of bytes within 1 %, each kind by site and by thread",
             f"{sum(sum(k.n) for k in kinds)} estimates", "; ".join(found))


def tell(engine, mean, small, kinds):
    what = (f"{engine} engine, a sample every {mean >> 10} KiB, "
            f"{'small' if small else 'large'} blocks")
    of_bytes, same, mixed = [], [], []
    for k in sorted(kinds, key=lambda k: k.key):
        of_objects = mixed if k.mixed else same
        (of_objects if k.member.endswith("objects") else of_bytes).append(k)
    tell_means(what, of_bytes)
    measured("heap", f"{what}: 95 % intervals of bytes hold the truth at least so often, for "
             "each number of samples (no upper limit: cautious for few), no wider than defined",
             f"{sum(sum(k.n) for k in of_bytes)} estimates, {sum(k.absent for k in of_bytes)} of "
             "them without a row: 0 to 3.84 distances",
             f"{least_held(of_bytes)} of each kind; width at most "
             f"{max(k.width / k.wanted for k in of_bytes):.2f} times the formula's")
    measured("heap", f"{what}: the same of objects, all of a kind of one size",
             f"{sum(sum(k.n) for k in same)} estimates that have a row",
             f"{least_held(same)} of each kind")
    measured("heap", f"{what}: what objects of several sizes have, where those unseen may be "
             "others (not promised)", f"{sum(sum(k.n) for k in mixed)} estimates with a row",
             "; ".join(f"{' '.join(k.key[3:])} {100 * sum(k.held) / sum(k.n):.1f} %, for some "
                       f"number {100 * k.share_held():.1f} %" for k in mixed))


for engine in ("program", "jemalloc"):
    if engine == "jemalloc" and not os.path.exists(JEMALLOC):
        skip("libjemalloc2 is not installed")
    for (mean, small), times in RUNS.items():
        kinds = {}
        for _ in range(times):
            by_site(engine, mean, small, kinds, 2048)
            by_thread(engine, mean, small, kinds, 2000)
        for kind in kinds.values():
            judge(kind)
        off, bound = together(kinds, "alloc_space")
        check(bound < 0.01, "too few estimates for 1 %:", bound)
        check(abs(off) < 0.01, engine, mean, small, f"all together {100 * off:+.2f} % off")
        tell(engine, mean, small, kinds.values())
