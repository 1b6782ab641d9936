#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A trace of five hours, written by tests/trace/mktrace.py in ten segments: each event's time
comes out to the nanosecond, the last at 5 h sharp; the merged stream of three threads, CPU and
heap, is in order; windows (--from, --to, both ends included) hold exactly the events that
they should, down to one nanosecond beside an event, CPU clocks and blocks alive included; and a
process that starts in the last minute stands where it belongs.

The machine has been up for nearly three hundred years (2^63 ns), and it is the year 2126: sums
that do not fit would show.  Nothing here is an estimate.

limit: 60
long: 300
false: 0
"""
import random

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace  # noqa: E402

SECOND = 1_000_000_000
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
END, SEGMENT = 5 * HOUR, 30 * MINUTE
A_SECOND = 10 if LONG else 1  # samples of each thread
WINDOWS = 300 if LONG else 25
MONO, REAL = (1 << 63) - 6 * HOUR, 4_950_000_000 * SECOND
PERIOD, THREADS, BLOCK = SECOND // 100, (1, 2, 3), 4096
rng = random.Random(5)


def draw_samples():
    """(t, thread): at odd nanoseconds, none where a minute begins; one at the very end."""
    found = [(second * SECOND + rng.randrange(1, SECOND), thread)
             for second in range(END // SECOND) for thread in THREADS for _ in range(A_SECOND)]
    return sorted(found) + [(END, 1)]


def define(trace, number, start):
    """A segment up to its first frame, and its stacks by thread."""
    s, m = mktrace.basic_segment(trace, number, start)
    s.thread(3, 4244, "worker 2", mktrace.CREATOR, 0)
    root = ((m, mktrace.at("_start")), (m, mktrace.at("main")))
    names = {1: "work", 2: "inner loop", 3: "worker"}
    return s, {t: s.stack(*root, (m, mktrace.at(names[t]))) for t in THREADS}


def write_hours(directory):
    """Blocks: one every minute, alive for an hour and a nanosecond."""
    samples, trace, at, cpu = draw_samples(), mktrace.Trace(
        f18=MONO, start_real=REAL, period=PERIOD, mean=1), 0, dict.fromkeys(THREADS, 0)
    blocks = {n + 1: (n * MINUTE + 7, n * MINUTE + 8 + HOUR) for n in range(END // MINUTE)}
    for number, start in enumerate(range(0, END, SEGMENT), 1):
        s, stacks = define(trace, number, start)
        s.cumulative(start)
        stats = [(t, mktrace.CPU, cpu[t], 0, 0, 0, 0) for t in THREADS]
        s.thread_stats(start, stats)
        s.live(1, [(b, t, 2, BLOCK, stacks[2]) for b, (t, end) in blocks.items()
                   if t < start <= end])
        if number == 1:
            s.mark(0, 1)
        for minute in range(start, start + SEGMENT, MINUTE):
            last = minute + MINUTE == END
            rows = []
            while at < len(samples) and (samples[at][0] < minute + MINUTE or last):
                t, thread = samples[at]
                rows.append((t, thread, thread - 1, 0, 1, stacks[thread]))
                cpu[thread] += PERIOD
                at += 1
            heap = [(t, 2, b, BLOCK, stacks[2]) for b, (t, _) in blocks.items()
                    if minute <= t < minute + MINUTE]
            heap += [(t, 3, b) for b, (_, t) in blocks.items() if minute <= t < minute + MINUTE]
            # as the writer does: CPU by CPU, so that times go back and forth
            s.samples(minute, PERIOD, sorted(rows, key=lambda r: (r[2], r[0])))
            s.heap(minute, 1, sorted(heap, key=lambda r: r[0]))
            s.thread_stats(minute + MINUTE, [(t, mktrace.CPU, cpu[t], 0, 0, 0, 0)
                                             for t in THREADS]).frame()
        if last:
            s.mark(END, 5)
        s.end(start + SEGMENT, 2 if last else 1)
        s.write(directory, number)
    return samples, blocks


def write_late(directory):
    """Another process of the same machine: one sample, at its own first nanosecond."""
    trace = mktrace.Trace(pid=4300, trace_id=bytes(range(1, 17)), period=PERIOD, mean=1,
                          f18=MONO + END - MINUTE, start_real=REAL + END - MINUTE)
    s, stacks = define(trace, 1, 0)
    s.cumulative(0).thread_stats(0, [(1, mktrace.CPU, 0, 0, 0, 0, 0)]).mark(0, 1)
    s.samples(1, PERIOD, [(1, 1, 0, 0, 1, stacks[1])]).end(SECOND, 2)
    s.write(directory, 1)


def lines_of(*args):
    done = run([PROF, "json", "--lines", *args], cwd=HOME)
    check(done.status == 0 and not done.err, "json --lines:", done.err.decode())
    return [json.loads(line) for line in done.out.splitlines()]


def seconds(ns):
    return f"{ns // SECOND}.{ns % SECOND:09}"


def check_lines(trace, samples, blocks):
    lines = lines_of(trace)
    back = [(a["t_ns"], b["t_ns"]) for a, b in zip(lines, lines[1:]) if b["t_ns"] < a["t_ns"]]
    check(not back, "the stream runs backwards:", back[:3])
    tids = {1: 4242, 2: 4243, 3: 4244}
    got = sorted((x["t_ns"], x["tid"]) for x in lines if x["kind"] == "sample")
    check(got == sorted((t, tids[thread]) for t, thread in samples), "samples' times differ")
    for kind, which in (("alloc", 0), ("free", 1)):
        got = sorted(x["t_ns"] for x in lines if x["kind"] == kind)
        want = sorted(b[which] for b in blocks.values() if b[which] <= END)
        check(got == want, kind, "times differ")
    check(lines[-1]["t_ns"] == END, "the last event is at", lines[-1]["t_ns"])
    return len(lines)


def check_window(trace, samples, blocks, low, high):
    what = f"window {seconds(low)} to {seconds(high)}:"
    p = Profile(trace, "--from", seconds(low), "--to", seconds(high))
    check((p.process["from_ns"], p.process["to_ns"]) == (low, high), what, p.process["from_ns"],
          p.process["to_ns"])
    want = sum(low <= t <= high for t, _ in samples)
    check(p.count() == want, what, p.count(), "samples, not", want)
    inside = [(t, end) for t, end in blocks.values() if low <= t <= high]
    heap = p.raw["heap"]
    check(sum(r["alloc_n"] for r in heap) == len(inside), what, "allocations", len(inside))
    alive = sum(end > high for _, end in inside)
    check(sum(r["inuse_n"] for r in heap) == alive, what, "alive", alive,
          [r["inuse_n"] for r in heap])
    if low % MINUTE == high % MINUTE == 0 and high > low:
        for thread, tid in zip(THREADS, (4242, 4243, 4244)):
            cpu = PERIOD * sum(low <= t <= high for t, who in samples if who == thread)
            check(p.thread(tid)["cpu_ns"] == cpu, what, "clock of", tid, p.thread(tid)["cpu_ns"],
                  "not", cpu)


trace = HOME / "hours"
samples, blocks = write_hours(trace)
mktrace.write_symfs(trace)
prof("check", trace)
process = json.loads(prof("json", trace))["process"]
check((process["first_ns"], process["last_ns"]) == (0, END), "first and last event", process)
check((process["start_mono_ns"], process["start_real_ns"]) == (MONO, REAL), "the clock pair")
report = prof("report", trace)
check("2126-11-10 16:00:00 UTC, ran 5.00 h" in report, report[:600])
events = check_lines(trace, samples, blocks)
windows = [(0, END), (END, END), (END - 1, END - 1), (END - MINUTE, END), (0, 0), (HOUR, 2 * HOUR)]
for t, _ in rng.sample(samples, WINDOWS // 5):
    windows += [(t, t), (t + 1, t + SECOND), (t - SECOND, t - 1), (t, END)]
for _ in range(WINDOWS // 5):
    windows.append(tuple(sorted(MINUTE * rng.randrange(301) for _ in range(2))))
for low, high in windows:
    check_window(trace, samples, blocks, max(low, 0), min(high, END))

late = HOME / "late"
write_late(late)
tree = lines_of(trace, late)
check(len(tree) == events + 1 and tree[-1]["t_ns"] == END - MINUTE + 1, "of a later process:",
      tree[-1])
measured("time", "five hours: every event's time to the nanosecond, the last at 5 h, in order",
         f"{events} events of three threads in ten segments", "all equal")
measured("time", "windows hold the events they should, to the nanosecond, clocks and blocks too",
         f"{len(windows)} windows in five hours", "all equal")
