# SPDX-License-Identifier: Apache-2.0
"""The figures of the heap engine: pairs, threads, programs, many samples, growth."""
import re

from measure import BARE, Failed, Missing, need
from table import Row

# Throughput of at least 0.95 of the shim's, said as time for the same work.
SHIM_SLOWER = 100 * (1 / 0.95 - 1)

SAMPLER = ("The sampler (scripts/bench/sampler.c) takes malloc's bytes off a countdown, notes one "
           "block in 2 MiB where free looks, and does nothing else: neither stacks nor calls.")


def times(done, key, n, divisor):
    return {name: [r.number(key, n) / divisor for r in results] for name, results in done.items()}


def pairs(bench, notes):
    """CPU time of a malloc+free pair, nothing subtracted."""
    for what, least, most, count, limit, turns in (
            ("16..527 B", 16, 527, 20_000_000, 1, (25, 9)),
            ("4 KiB", 4096, 4096, 5_000_000, None, (9, 7)),
            ("1 MiB", 2 ** 20, 2 ** 20, 500_000, None, (9, 7))):
        chosen = [BARE, bench.shim, bench.libprof()] + ([bench.sampler] if limit else [])
        done = bench.compare([bench.out / "pair", count, 1, least, most], chosen,
                             bench.pick(*turns), bench.pick(30, 8))
        ns = times(done, "pairs", 2, count)
        yield Row(f"malloc+free pair, {what}", "ns", ns["bare"], ns["libprof"], limit=limit)
        yield Row(f"that pair, {what}: an empty shim", "ns", ns["bare"], ns["shim"], bound=True)
        if limit:
            yield Row(f"that pair, {what}: the least sampler", "ns", ns["bare"], ns["sampler"],
                      bound=True)
            least_of = ", ".join(f"{v} {min(ns[v]):.2f}" for v in ns)
    notes.append("pairs: one thread, by its CPU clock, one sample every 512 KiB (of blocks of "
                 "16..527 bytes one in 1,930, of 4 KiB one in 128, of 1 MiB 86 %) or as much more as "
                 "leaves 8,192 samples a second (LIBPROF_HEAP_HZ), as it is in all three.  The "
                 f"shim only forwards.  {SAMPLER}  The least of all runs of 16..527 bytes, in "
                 f"ns: {least_of}.")


class Callgrind:
    """Instructions between entry and return of one function of pair.c, and below it."""

    def __init__(self, bench):
        need("valgrind")
        self.bench = bench
        self.inside = bench.out / "libprof-bench.so"  # the library stands aside under valgrind

    def count(self, variant, function, calls, *args):
        prefix = ("valgrind", "--tool=callgrind", f"--toggle-collect={function}",
                  f"--callgrind-out-file={self.bench.out / 'callgrind.out'}")
        done = self.bench.run([self.bench.out / "pair", *args],
                              variant._replace(prefix=prefix))
        total = re.search(r"refs:\s+([\d,]+)", done.out)
        if not total:
            raise Failed("callgrind printed no count: " + done.out[-300:])
        return int(total[1].replace(",", "")) / calls

    def libprof(self, **settings):
        # valgrind's own launcher is a program too: the library is to leave it alone
        return self.bench.libprof(self.inside, CPU="off", PROGRAMS="pair", **settings)


def instructions(bench, notes):
    """The same blocks counted by callgrind, in the loop and what it calls."""
    grind = Callgrind(bench)
    count, warm = 100_000, 4096
    total = count + warm
    for what, batch, limits in (("", 4, (6, 8)), (" of the arena", warm, (None, None))):
        for function, limit in zip(("malloc", "free"), limits):
            calls = batch * (-(-count // batch) + -(-warm // batch))
            args = f"run_{function}s", calls, count, batch, 16, 527, 1
            shim = grind.count(bench.shim, *args)
            used = grind.count(grind.libprof(HEAP_BYTES="1T"), *args)
            yield Row(f"instructions, {function}{what}, not sampled", "", [shim], [used],
                      limit=limit, over="empty shim", counted=True)
            if limit is None:
                locked = grind.count(bench.shim_thread, *args)
                yield Row(f"instructions, {function}{what}: a sleeping thread beside the shim",
                          "", [shim], [locked], over="empty shim", counted=True, bound=True)
    bare = grind.count(BARE, "run_pairs", total, count)
    shim = grind.count(bench.shim, "run_pairs", total, count)
    used = grind.count(grind.libprof(SEED=1), "run_pairs", total, count)
    yield Row("instructions, pair, samples included", "", [bare], [used], counted=True)
    yield Row("instructions, pair: an empty shim", "", [bare], [shim], counted=True, bound=True)
    notes.append("instructions: callgrind, in the loop and what it calls, exact; the library is "
                 "linked once more without the part that stands aside under valgrind; "
                 "LIBPROF_CPU=off, 512 KiB where samples are included.  Batches of 4 blocks stay "
                 "within a thread's cache; of 4,096 most come from the arena, which glibc locks "
                 "once the process has a second thread, the library's writer.")


def threads(bench, notes):
    alone = {"the hooks, nothing sampled": {"HEAP": "totals"},
             "the hooks, a sample now and then": {"HEAP_BYTES": "256M"}}
    hooks = [bench.libprof(CPU="off", **settings)._replace(name=name)
             for name, settings in alone.items()]
    for count, cross, size, seconds in ((2, 0, 8_000_000, 42), (2, 1, 2_000_000, 16),
                                        (16, 0, 250_000, 4), (16, 1, 250_000, 4)):
        chosen = [BARE, bench.shim, bench.libprof()]
        if count == 2:
            chosen += [bench.sampler] if cross else [bench.sampler, *hooks]
        done = bench.compare([bench.out / "exchange", count, size, cross], chosen,
                             bench.pick(60, 7), bench.pick(seconds, 5))
        wall = times(done, "exchange", 2, count * size)
        what = f"{count} threads, {'cross-thread' if cross else 'own'} frees"
        limit = SHIM_SLOWER if count == 2 else None
        yield Row(f"{what}: time a pair", "ns", wall["shim"], wall["libprof"], "ratio", limit,
                  over="empty shim")
        if "sampler" in wall:
            yield Row(f"{what}: the least sampler", "ns", wall["shim"], wall["sampler"], "ratio",
                      over="empty shim", bound=True)
        yield Row(f"{what}: an empty shim", "ns", wall["bare"], wall["shim"], "ratio",
                  bound=True)
        for name in (n for n in alone if n in wall):
            yield Row(f"{what}: {name}", "ns", wall["shim"], wall[name], "ratio",
                      over="empty shim")
    notes.append("threads: wall time of all pairs of all threads, after a warm-up; +5.26 % time is "
                 "0.95 of the throughput.  Cross-thread: blocks wait in 4,096 slots for whichever "
                 "thread comes by.  The hooks alone: the exact totals and free's look, in the 12 "
                 "instructions counted above, and no CPU sample.  Now and then: "
                 "LIBPROF_HEAP_BYTES=256M, which is 30 to 80 a second; but a branch that has been "
                 "taken once is another to be predicted each time, as the least sampler shows, too.")


PROGRAMS = {"bignum (C)": ("bignum", 5_000, "arithmetic of long numbers, every result a new block"),
            "document (C++)": ("document", 40, "documents of maps, vectors, lists, strings")}


def calls_of(bench, argv):
    """What the library itself counts: calls a second of CPU time."""
    bench.remove_traces()
    done = bench.run(argv, bench.libprof(CPU="off"))
    report = bench.run([bench.prof, "json", bench.traces]).out
    found = re.findall(r'"alloc_calls": ?(\d+)', report)
    if not found:
        raise Failed("prof json has no alloc_calls")
    return sum(int(n) for n in found) / done.cpu


def programs(bench, notes):
    """Two allocation-bound programs: CPU time of the whole process, the writer's included."""
    for name, (program, size, what) in PROGRAMS.items():
        argv = [bench.out / program, size]
        done = bench.compare(argv, (BARE, bench.shim, bench.shim_thread, bench.sampler_thread,
                                    bench.libprof()), bench.pick(25, 7), bench.pick(26, 8))
        ms = {v: [1e3 * r.cpu for r in results] for v, results in done.items()}
        yield Row(f"{name}: CPU time", "ms", ms["bare"], ms["libprof"], "ratio", 3)
        yield Row(f"{name}: an empty shim", "ms", ms["bare"], ms["shim"], "ratio", bound=True)
        yield Row(f"{name}: that and a sleeping thread", "ms", ms["bare"], ms["shim, thread"],
                  "ratio", bound=True)
        yield Row(f"{name}: the least sampler and a sleeping thread", "ms", ms["bare"],
                  ms["sampler, thread"], "ratio", bound=True)
        rate = calls_of(bench, argv) / 1e6
        notes.append(f"{name}: {what}; {rate:.1f} million allocations a second of its CPU time; "
                     "start and end, which `true` shows, are in it.")


def hold(bench, notes):
    """Frees while 100 and 100,000 sampled blocks are alive."""
    settings = {"HEAP_BYTES": "32K", "HEAP_HZ": 0, "CPU": "off"}
    runs = {}
    for variant in (BARE, bench.libprof(**settings)):
        for held in (100, 100_000):
            runs[variant.name, held] = (lambda v=variant, n=held: bench.run(
                [bench.out / "hold", n], v))
    done = bench.in_turn(runs, bench.pick(11, 7), bench.pick(25, 12))
    for n, what, limit in ((2, "the same few again", 0.3), (3, "a million others", None)):
        ns = {k: [r.number("hold", n) / 100 for r in results] for k, results in done.items()}
        used = [b - a for a, b in zip(ns["libprof", 100], ns["libprof", 100_000])]
        base = [b - a for a, b in zip(ns["bare", 100], ns["bare", 100_000])]
        yield Row(f"free, 100,000 samples alive: {what}", "ns", ns["libprof", 100],
                  ns["libprof", 100_000], limit=limit, over="100 alive")
        yield Row("the same without the library", "ns", ns["bare", 100], ns["bare", 100_000],
                  over="100 alive", bound=True)
        yield Row("the difference of both", "ns", base, used)
    notes.append("free: pairs of 24 bytes, then a million blocks of 24 bytes freed one after the "
                 "other, while blocks of 256 KiB are held, each sampled (LIBPROF_HEAP_BYTES=32K); "
                 "LIBPROF_CPU=off.")


def grow(bench, notes):
    for what, step, limit in (("half as much again", 0, 5), ("64 KiB at a time", 2 ** 16, 5)):
        argv = [bench.out / "grow", 2 ** 30, step]
        done = bench.compare(argv, (BARE, bench.shim, bench.libprof()), bench.pick(9, 7),
                             bench.pick(9, 8))
        ms = times(done, "grow", 2, 1e6)
        yield Row(f"realloc to 1 GiB, {what}", "ms", ms["bare"], ms["libprof"], "ratio", limit)
        yield Row(f"realloc, {what}: an empty shim", "ms", ms["bare"], ms["shim"], "ratio",
                  bound=True)
        count = int(done["bare"][0].number("grow", 1))
        notes.append(f"realloc, {what}: {count} calls, each byte written once.")


def storm(bench, notes):
    """An allocation storm of 1 GiB/s: what it costs, and whether the rate was reached."""
    rate, ms = 1024, 1000
    done = bench.compare([bench.out / "storm", rate, ms], (BARE, bench.libprof()),
                         bench.pick(11, 7), 14)
    reached = min(r.number("storm", 1) / ms * 1000 for r in done["libprof"])
    cpu = {v: [1e3 * r.cpu * 1000 / ms for r in results] for v, results in done.items()}
    yield Row("storm of 1 GiB/s: CPU a second", "ms", cpu["bare"], cpu["libprof"])
    notes.append(f"storm: 16 B to 128 KiB, {done['bare'][0].number('storm', 2) / ms:.0f} thousand "
                 f"calls a second; at least {reached:.0f} MiB/s were reached.")
    if reached < 0.95 * rate:
        raise Missing(f"storm: only {reached:.0f} MiB/s on this machine")


WORKS = {"pairs": pairs, "instructions": instructions, "threads": threads, "programs": programs,
         "free": hold, "realloc": grow, "storm": storm}
