# SPDX-License-Identifier: Apache-2.0
"""What is measured for the page on growth: each function yields scales."""
import os
import time

import reader_works
from measure import BARE, Variant, ended, need
from scales import Scale
from works_process import make_libraries, memory_of
from works_trace import trace_bytes


def watched(bench, argv, variant):
    """(CPU milliseconds, most resident MiB, bytes of trace, the result) of one run."""
    seen = [0.0]

    def watch(pid):
        while (now := memory_of(pid)) is not None and not ended(pid):
            seen[0] = sum(now)
            time.sleep(0.03)

    done = bench.run(argv, variant, watch)
    size = trace_bytes(bench)
    bench.remove_traces()
    return 1e3 * done.cpu, seen[0], size, done


def added(bench, argvs, variants, turns, base=BARE):
    """argvs: x: argv; variants: x: variant, or one for all.  x: list of (with, without) of
    watched(), in turn."""
    def turn(x):
        variant = variants[x] if isinstance(variants, dict) else variants
        return (watched(bench, argvs[x], variant), watched(bench, argvs[x], base))

    return bench.in_turn({x: lambda x=x: turn(x) for x in argvs}, turns, 0, turns)


def difference(pairs, i, scale=1):
    return {x: [(used[i] - bare[i]) * scale for used, bare in values]
            for x, values in pairs.items()}


def threads(bench, notes):
    counts = bench.pick((1, 100, 1000, 2500, 5000), (1, 1000, 2500, 5000))
    pairs = added(bench, {n: [bench.out / "crowd", n, 300] for n in counts},
                  bench.libprof(), bench.pick(7, 3))
    yield Scale("resident memory added", "threads alive", "MiB", difference(pairs, 1))
    yield Scale("CPU added, from start to end", "threads alive", "ms", difference(pairs, 0))
    counts = bench.pick((1000, 5000, 10_000, 20_000, 40_000), (1000, 5000, 10_000))
    pairs = added(bench, {n: [bench.out / "spawn", n] for n in counts}, bench.libprof(),
                  bench.pick(7, 3))
    yield Scale("CPU added, from start to end", "threads, one after the other", "ms",
                difference(pairs, 0))
    yield Scale("resident memory added", "threads, one after the other", "MiB",
                difference(pairs, 1))
    notes.append("threads: each alive has allocated once and waits; those one after the other do "
                 "nothing.")


def cpus(bench, notes):
    """By affinity as far as there are CPUs, beyond by stand-ins: see rings.c."""
    need("taskset")
    have = sorted(os.sched_getaffinity(0))
    counts = sorted({1, 2, len(have) // 2, len(have)} & set(range(1, len(have) + 1)))

    def on(variant, n):
        mask = ("taskset", "-c", ",".join(str(c) for c in have[:n]))
        return Variant(variant.name, mask, variant.env)

    argv = [bench.work / "w_idle", 100]
    env = bench.libprof()
    env = env._replace(env={**env.env, "LIBPROF_PROGRAMS": "w_idle"})  # not taskset itself
    pairs = bench.in_turn({n: lambda n=n: (watched(bench, argv, on(env, n)),
                                           watched(bench, argv, on(BARE, n)))
                           for n in counts}, bench.pick(15, 7), 0, bench.pick(15, 7))
    yield Scale("CPU added, start and end", "CPUs, by affinity", "ms", difference(pairs, 0))
    yield Scale("resident memory and rings added", "CPUs, by affinity", "MiB",
                difference(pairs, 1))
    counts = [n for n in (2, 8, 32, 64, 128) if n >= len(have)]
    seen = bench.in_turn({n: lambda n=n: bench.run([bench.out / "rings", n]) for n in counts},
                         bench.pick(11, 5), 0, bench.pick(11, 5))
    for i, what, unit, by in ((2, "opening events and rings", "ms", 1e6),
                              (3, "creating and joining a thread", "us", 1e3),
                              (4, "two threads' turn on one CPU", "us", 1e3),
                              (5, "a look into all empty rings", "us", 1e3),
                              (6, "a poll of all rings", "us", 1e3)):
        yield Scale(what, "CPUs, stand-ins", unit,
                    {n: [r.number("rings", i) / by for r in runs] for n, runs in seen.items()})
    notes.append("CPUs, stand-ins: the perf engine on the CPUs there are, and further events and "
                 "rings on the same CPUs, never enabled, until there are as many as on a machine "
                 "of that size (scripts/bench/rings.c): opened, mapped, inherited by threads, "
                 "polled and drained as there.  What many CPUs that run at once would add, "
                 "contention and samples of 128 threads, is not in it.  A new thread inherits an "
                 "event for each CPU, under perf record, too: that is the kernel's part.")


def allocation(bench, notes):
    rates = bench.pick((64, 128, 256, 512, 1024), (128, 512, 1024))
    ms = bench.pick(1500, 1000)
    pairs = added(bench, {n: [bench.out / "storm", n, ms] for n in rates}, bench.libprof(),
                  bench.pick(7, 3))
    yield Scale("CPU added in a second", "MiB allocated a second", "ms",
                difference(pairs, 0, 1000 / ms))
    yield Scale("resident memory added", "MiB allocated a second", "MiB", difference(pairs, 1))
    distances = (4096, 2048, 1024, 512, 256)
    chosen = {2 ** 20 // d: bench.libprof(HEAP_BYTES=d * 1024, CPU="off") for d in distances}
    argv = [bench.out / "storm", 1024, ms]
    pairs = added(bench, {x: argv for x in chosen}, chosen, bench.pick(7, 3))
    yield Scale("CPU added in a second", "heap samples a second", "ms",
                difference(pairs, 0, 1000 / ms))
    notes.append("MiB allocated a second: blocks of 16 B to 128 KiB, about 490 calls a MiB; heap "
                 "samples a second: 1 GiB/s at LIBPROF_HEAP_BYTES from 4 MiB to 256 KiB.")


def rates(bench, notes):
    hertz = bench.pick((99, 499, 999, 2499, 4999, 9999), (99, 999, 4999, 9999))
    argv = [bench.work / "w_frames40", 500]
    pairs = added(bench, {hz: argv for hz in hertz},
                  {hz: bench.libprof(CPU_HZ=hz) for hz in hertz}, bench.pick(11, 5))
    yield Scale("CPU added in half a second", "CPU samples a second", "ms", difference(pairs, 0))
    notes.append("CPU samples a second: the program of 40 frames without frame pointers.")


def depths(bench, notes):
    """Microseconds a sample, by a thousand samples or more."""
    hz, rounds = 4999, bench.pick(400, 250)
    levels = bench.pick((5, 20, 50, 100, 200, 350, 500, 1000), (5, 100, 200, 500, 1000))
    for stack_bytes in (16384, 65528):
        pairs = added(bench, {n: [bench.out / "depth", n, rounds] for n in levels},
                      bench.libprof(CPU_HZ=hz, STACK_BYTES=stack_bytes), bench.pick(9, 3))
        us = {x: [1e3 * (used[0] - bare[0]) / (bare[3].number("depth", 2) / 1e9 * hz)
                  for used, bare in values] for x, values in pairs.items()}
        yield Scale(f"CPU a sample, LIBPROF_STACK_BYTES={stack_bytes}", "frames", "us", us)
    notes.append(f"frames: a recursion without frame pointers, at {hz} Hz, all of a run's added "
                 "CPU over its samples.  A copy of 16 KiB holds about 500 of its frames, deeper "
                 "ones are completed from earlier samples.")


def libraries(bench, notes):
    counts = bench.pick((10, 250, 500, 1000, 2000), (10, 500, 1000))
    where = make_libraries(bench, max(counts))
    pairs = added(bench, {n: [bench.out / "libs", where, n, 300] for n in counts},
                  bench.libprof(CPU_HZ=99), bench.pick(7, 3))
    yield Scale("CPU added, loading and running", "libraries mapped", "ms", difference(pairs, 0))
    yield Scale("resident memory added", "libraries mapped", "MiB", difference(pairs, 1))
    notes.append("libraries: loaded with dlopen, then 0.3 s of computing round all of them.")


def lengths(bench, notes):
    hz = 2999
    rounds = bench.pick((250, 500, 1000, 2000, 4000), (250, 500, 1000))
    pairs = added(bench, {n: [bench.work / "w_frames40", n] for n in rounds},
                  bench.libprof(CPU_HZ=hz), bench.pick(5, 3))
    for what, i, unit, by in (("trace written", 2, "KiB", 1 / 1024), ("CPU added", 0, "ms", 1),
                              ("resident memory added", 1, "MiB", 1)):
        yield Scale(what, f"milliseconds at {hz} Hz, about", unit, difference(pairs, i, by))
    turns = bench.pick((50_000, 100_000, 200_000, 400_000), (50_000, 100_000, 200_000))
    pairs = added(bench, {n: [bench.out / "pair", n, 100] for n in turns},
                  bench.libprof(CPU="off", HEAP_BYTES=1), bench.pick(5, 3))
    for what, i, unit, by in (("trace written", 2, "KiB", 1 / 1024),
                              ("resident memory added", 1, "MiB", 1)):
        yield Scale(what, "allocations, all recorded", unit, difference(pairs, i, by))
    notes.append("milliseconds: rounds of the program of 40 frames, each about one.")


SCALES = {"threads": threads, "cpus": cpus, "allocation": allocation, "rates": rates,
          "depths": depths, "libraries": libraries, "lengths": lengths, **reader_works.SCALES}
