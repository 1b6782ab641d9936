# SPDX-License-Identifier: Apache-2.0
"""The figures of the CPU engine: what sampling costs, switches, threads, the writer."""
import os
import statistics
import time

from measure import BARE, FOREVER, Failed, ended, need
from table import Row

PAIRS = 30  # of the two rows that are judged by the interval's end
QUERY = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
         "SELECT count(*), sum(i*i %% 7), max(length(hex(i))) FROM n;")


def variants(bench, notes, *rates, of_perf=None):
    """Bare, the library at each rate, its bare engine and perf (or perf at rates of its own) at
    the same, named by rate."""
    found = [BARE]
    for hz in rates:
        found.append(bench.libprof(CPU_HZ=hz)._replace(name=f"libprof {hz}"))
    if bench.has_engine:
        found += [bench.engine(hz) for hz in rates]
    if bench.has_perf:
        found += [bench.perf(hz) for hz in of_perf or rates]
    else:
        notes.append("perf record is not there or not allowed: nothing is compared with it.")
    return found


def engine_rows(what, unit, hz, values, base=None, over="bare"):
    """The least that samples of this rate cost: the limit of any figure of the library's."""
    if f"engine {hz}" in values:
        yield Row(f"{what}: perf's events and rings alone", unit, base or values["bare"],
                  values[f"engine {hz}"], "ratio", over=over, bound=True)


def of(done, function):
    return {name: [function(r) for r in results] for name, results in done.items()}


def cpu(bench, notes):
    """Time of a program 40 frames deep without frame pointers, sampled and not."""
    argv = [bench.work / "w_frames40", bench.pick(800, 500)]
    done = bench.compare(argv, variants(bench, notes, 999, 99, of_perf=[999]),
                         bench.pick(PAIRS, 9), FOREVER)
    own = of(done, lambda r: r.number("frames", 2) / 1e6)
    total = of(done, lambda r: 1e3 * r.cpu)
    perf = "perf -F 999"
    if perf in done:
        yield Row("40 frames, 999 Hz: the thread", "ms", own[perf], own["libprof 999"], "ratio",
                  0.5, over=perf)
        yield from engine_rows("40 frames, 999 Hz, the thread", "ms", 999, own, own[perf], perf)
        yield Row("40 frames, 999 Hz: total CPU, writer included", "ms", own[perf],
                  total["libprof 999"], "ratio", 1, over="thread, " + perf, upper=True)
        yield from engine_rows("40 frames, 999 Hz, total CPU", "ms", 999, total, own[perf],
                               "thread, " + perf)
        yield Row("40 frames, 999 Hz: perf without stacks, the thread", "ms", own["bare"],
                  own[perf], "ratio", bound=True)
    yield Row("40 frames, 999 Hz: total CPU", "ms", total["bare"], total["libprof 999"], "ratio")
    yield from engine_rows("40 frames, 999 Hz, total CPU", "ms", 999, total)
    yield Row("40 frames, 99 Hz: whole cost, total CPU", "ms", total["bare"],
              total["libprof 99"], "ratio", 0.3, upper=True)
    yield from engine_rows("40 frames, 99 Hz, total CPU", "ms", 99, total)
    yield Row("40 frames, 99 Hz: the thread", "ms", own["bare"], own["libprof 99"], "ratio")
    notes.append("40 frames: no frame pointers; the thread's time is by its own CPU clock, total "
                 "CPU is that of the whole process as wait4(2) reports it.  Over perf: total CPU "
                 "under the library against the program's own time under perf record, which "
                 "takes no stacks; met when the upper end of the interval is.")
    notes.append("perf's events and rings alone: scripts/bench/engine.c opens them as the library "
                 "does, with its stacks, empties the rings and does nothing else; libunwind is "
                 "loaded, nothing is hooked or written.")


def sqlite(bench, notes):
    need("sqlite3")
    script = bench.out / "query.sql"
    script.write_text(".timer on\n" + QUERY % 400_000 + "\n", encoding="utf-8")
    done = bench.compare(["sqlite3", ":memory:", f".read {script}"],
                         variants(bench, notes, 999, 99), bench.pick(15, 7), bench.pick(20, 14))

    def own(result):  # getrusage of the process, for the query alone
        fields = next((x.split() for x in result.out.splitlines() if x.startswith("Run Time:")),
                      None)
        if not fields:
            raise Failed("sqlite3 printed no time")
        return 1e3 * (float(fields[5]) + float(fields[7]))

    ms = of(done, own)
    for hz in (999, 99):
        yield Row(f"sqlite3, {hz} Hz: total CPU", "ms", ms["bare"], ms[f"libprof {hz}"], "ratio")
        if bench.has_perf:
            yield Row(f"sqlite3, {hz} Hz: perf without stacks, the program", "ms", ms["bare"],
                      ms[f"perf -F {hz}"], "ratio", bound=True)
    notes.append("sqlite3: the query by its own .timer, user and system; with the library that is "
                 "the program and the writer.")


def switches(bench, notes):
    turns = 20_000
    for one, what, most, seconds in ((1, "on one CPU", 40, 26), (0, "on any CPU", 15, 10)):
        chosen = variants(bench, notes, 99)
        done = bench.compare([bench.out / "pingpong", turns, one], chosen, bench.pick(most, 9),
                             bench.pick(seconds, 10))
        us = of(done, lambda r, n=turns: r.number("pingpong", 2) / n / 1e3)
        name = f"ping-pong {what}, 99 Hz: a turn"
        if "perf -F 99" in us:
            yield Row(name, "us", us["perf -F 99"], us["libprof 99"], "ratio",
                      0 if one else None, over="perf -F 99")
            yield from engine_rows(name, "us", 99, us, us["perf -F 99"], "perf -F 99")
        yield Row(name, "us", us["bare"], us["libprof 99"], "ratio")
        yield from engine_rows(name, "us", 99, us)
    notes.append("ping-pong: two threads hand a byte to and fro through pipes; two switches a turn "
                 "where they share a CPU.")


def asking_rows(us, base, over):
    if "engine 99, asking" in us:
        yield Row("thread create+join, 99 Hz: those, and each thread's tid, name and CPU time",
                  "us", us[base], us["engine 99, asking"], "ratio", over=over, bound=True)


def spawn(bench, notes):
    count = 5_000
    chosen = variants(bench, notes, 99)
    if bench.has_engine:
        chosen.append(bench.engine_asks(99))
    done = bench.compare([bench.out / "spawn", count], chosen, bench.pick(30, 9),
                         bench.pick(36, 12))
    us = of(done, lambda r: r.number("spawn", 2) / count / 1e3)
    if "perf -F 99" in us:
        yield Row("thread create+join, 99 Hz", "us", us["perf -F 99"], us["libprof 99"], "ratio",
                  5, over="perf -F 99")
        yield from engine_rows("thread create+join, 99 Hz", "us", 99, us, us["perf -F 99"],
                               "perf -F 99")
        yield from asking_rows(us, "perf -F 99", "perf -F 99")
    yield Row("thread create+join, 99 Hz", "us", us["bare"], us["libprof 99"], "ratio")
    yield from engine_rows("thread create+join, 99 Hz", "us", 99, us)
    yield from asking_rows(us, "bare", "bare")
    cpu_us = of(done, lambda r: 1e6 * r.cpu / count)
    yield Row("thread create+join, 99 Hz: total CPU", "us", cpu_us["bare"], cpu_us["libprof 99"],
              "ratio")
    notes.append("create+join: one thread after the other at full speed, wall time.  A thread's "
                 "tid, name and CPU time: three system calls; perf record tells no thread's CPU "
                 "time.")


def clocks(pid):
    """(the main thread's CPU time, all others') of a process, in nanoseconds."""
    main = others = 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="utf-8") as file:
            ns = int(file.read().split()[0])
        if int(tid) == pid:
            main += ns
        else:
            others += ns
    return main, others


def writer_share(bench, hz):
    """Per cent of the program's CPU time that the library's own threads took while it ran."""
    seen = []

    def watch(pid):
        time.sleep(0.1)  # start apart
        while not ended(pid):
            try:
                seen.append(clocks(pid))
            except OSError:  # a thread has ended between
                pass
            time.sleep(0.05)

    bench.run([bench.work / "w_frames40", bench.pick(1500, 700)], bench.libprof(CPU_HZ=hz), watch)
    seen = [s for s in seen if s[1]]  # at the end there are no others
    if len(seen) < 4:
        raise Failed("the program ended before its threads' clocks could be read")
    (main, others), (main_end, others_end) = seen[0], seen[-1]
    return 100 * (others_end - others) / (main_end - main)


def writer(bench, notes):
    for hz in (999, 99):
        share = [writer_share(bench, hz) for _ in range(bench.pick(5, 3))]
        yield Row(f"40 frames, {hz} Hz: the writer, of the program's time", "%", [], share)
    notes.append("the writer: CPU clocks of the library's threads against the main thread's, from "
                 "0.1 s after the start to the end; start and end are not in it.  A difference of "
                 "clocks within one run, so surer than the difference of two runs.")
    yield from overhead_a_sample(bench, notes)


def overhead_a_sample(bench, notes):
    """From two rates within one run of turns: what a sample costs, all told."""
    argv = [bench.work / "w_frames40", 400]
    rates = 999, 9999
    done = bench.compare(argv, [bench.libprof(CPU_HZ=hz)._replace(name=hz) for hz in rates],
                         bench.pick(9, 7), bench.pick(14, 8))
    cpu_s = of(done, lambda r: r.cpu)
    own = statistics.median(r.number("frames", 2) / 1e9 for r in done[999])
    us = [1e6 * (b - a) / (own * (rates[1] - rates[0])) for a, b in zip(cpu_s[999], cpu_s[9999])]
    yield Row("40 frames: a sample, all told", "us", [], us)
    notes.append("a sample: total CPU at 9,999 Hz less that at 999 Hz, over the samples between: "
                 "the kernel's interrupt and copy, the writer's unwinding and writing.")


WORKS = {"cpu": cpu, "sqlite": sqlite, "writer": writer, "switches": switches, "spawn": spawn}
