#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the reader makes of traces with known content: conservation of CPU time,
holes between segments, time windows, unbiased heap estimates, damage."""
from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
from mktrace import CPU, CREATOR, FINAL, MS, PERIOD, RUSAGE, Trace, at, basic_segment

mktrace.write_symfs(str(HOME))
FRAMES = {"work": ("_start", "main", "work"), "leak": ("_start", "main", "leak;it")}


def folded(trace, *options, status=0):
    text = prof("folded", "--symfs", HOME / "symfs", *options, trace, status=status)
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in text.splitlines()}


def same_stacks(got, want, what):
    check(got == want, what, "gives", got, "not", want)


def stack(s, m, name):
    return s.stack(*((m, at(f)) for f in FRAMES[name]))


# -- Holes: segments 1 and 2 dropped, 5 missing.
gap = HOME / "gap"
mktrace.case_gap(str(gap))
leak, work = "_start;main;leak:it", "_start;main;work"
same_stacks(folded(gap), {"_start;main;[not sampled]": 25 * MS, work: 10 * MS}, "cpu of the segments that are here")
same_stacks(folded(gap, "--metric", "inuse_space"), {leak: 1016}, "a leak of the first second, after a hole")
same_stacks(folded(gap, "--metric", "alloc_space"), {leak: 72}, "what was allocated in segments that are gone")
same_stacks(folded(gap / "segment-000006.lz4", "--metric", "inuse_space"), {leak: 1016}, "the last segment alone")
same_stacks(folded(gap, "--metric", "inuse_space", "--from", "1", "--to", "3.5"), {leak: 64}, "alive at 3.5 s")
same_stacks(folded(gap, "--metric", "inuse_objects", "--to", "0.5"), {leak: 1}, "alive at 0.5 s")
same_stacks(folded(gap, "--from", "2.5", "--to", "3.5"), {"_start;[not sampled]": 15 * MS}, "cpu clocks run evenly")
ran = run([PROF, "check", gap])
check(ran.status == 1 and b"segment 5 is missing" in ran.out and b"segments 1 to 2 are not here" in ran.out,
      "check of a trace with holes:", ran.status, ran.out)

# A damaged segment between two good ones: what it freed is seen in the next
# one's list, what it allocated too.
s4 = gap / "segment-000004.lz4"
whole = s4.read_bytes()
s4.write_bytes(whole[:-30] + bytes(30))
same_stacks(folded(gap, "--metric", "inuse_space", status=1), {leak: 1016}, "with a damaged segment")
s4.write_bytes(whole)

# The last drop comes after the last cumulative record: only a loss record tells.
s, m = basic_segment(Trace(), 4, MS)
s.cumulative(MS, dropped=2, losses=[(10, 2)]).loss(2 * MS, 10, 1)
s.end(3 * MS).write(str(HOME / "drops"), 4)
p = Profile("drops")
check(p.process["segments_dropped"] == p.losses["segment_dropped"] == 3, "dropped:",
      p.process["segments_dropped"], p.losses["segment_dropped"])

# -- The kernel's part: 400 ms of 1 s, of which 100 samples cover 600 ms.
s, m = basic_segment(Trace())
s.samples(0, PERIOD, [(i * PERIOD, 1, 0, 0, 1, stack(s, m, "work")) for i in range(60)])
s.thread_stats(1000 * MS, [(1, CPU | RUSAGE | FINAL, 1000 * MS, 650 * MS, 350 * MS, 0, 0)])
s.end(1000 * MS).write(str(HOME / "kernel"), 1)
want = {"_start;main;[kernel: not sampled]": 350 * MS, "_start;main;[not sampled]": 50 * MS, work: 600 * MS}
same_stacks(folded("kernel"), want, "the kernel's share")
s, m = basic_segment(Trace(cpu_kernel=1))
s.samples(0, PERIOD, [(i * PERIOD, 1, 0, 0, 1, stack(s, m, "work")) for i in range(60)])
s.thread_stats(1000 * MS, [(1, CPU | RUSAGE | FINAL, 1000 * MS, 650 * MS, 350 * MS, 0, 0)])
s.end(1000 * MS).write(str(HOME / "kernel1"), 1)
same_stacks(folded("kernel1"), {"_start;main;[not sampled]": 400 * MS, work: 600 * MS}, "kernel code is sampled")

# -- More samples than time: scaled, to the nanosecond.
s, m = basic_segment(Trace())
s.samples(0, PERIOD, [(i, 1, 0, 0, 1, stack(s, m, ("work", "leak")[i % 3 == 0])) for i in range(10)])
s.thread_stats(100, [(1, CPU, 70 * MS + 7, 0, 0, 0, 0)]).end(100).write(str(HOME / "more"), 1)
got = folded("more")
check(sum(got.values()) == 70 * MS + 7 and set(got) == {work, leak}, "scaled to the clock:", got)

# Samples later than the last statistics (a killed program) are not scaled away.
s, m = basic_segment(Trace())
s.thread_stats(50 * MS, [(1, CPU, 20 * MS, 0, 0, 0, 0)])
s.samples(0, PERIOD, [(60 * MS, 1, 0, 0, 1, stack(s, m, "work")), (70 * MS, 1, 0, 0, 1, stack(s, m, "work"))])
s.write(str(HOME / "killed"), 1)
same_stacks(folded("killed"), {"_start;main;[not sampled]": 20 * MS, work: 20 * MS}, "after the last statistics")
ran = run([PROF, "check", "killed"])
check(ran.status == 0 and b"no end record: cut or still running" in ran.out, "a killed trace:", ran.out)

# -- Time while profiling was off has a name of its own: a delayed start, a stop.
s, m = basic_segment(Trace(settings=("LIBPROF_DELAY_MS=100",)))
s.thread_stats(100 * MS, [(1, CPU, 90 * MS, 0, 0, 5, 500)]).mark(100 * MS, 1)
s.samples(0, PERIOD, [((110 + i) * MS, 1, 0, 0, 1, stack(s, m, "work")) for i in range(5)])
s.thread_stats(200 * MS, [(1, CPU, 150 * MS, 0, 0, 7, 700)]).mark(200 * MS, 2)
s.thread_stats(300 * MS, [(1, CPU, 190 * MS, 0, 0, 8, 900)]).mark(300 * MS, 1)
s.samples(0, PERIOD, [(310 * MS, 1, 0, 0, 1, stack(s, m, "work"))])
s.thread_stats(400 * MS, [(1, CPU | FINAL, 201 * MS, 0, 0, 9, 950)])
s.end(400 * MS).write(str(HOME / "off"), 1)
same_stacks(folded("off"), {"_start;main;[profiling off]": 130 * MS, work: 60 * MS,
                            "_start;main;[not sampled]": 11 * MS}, "profiling off")
same_stacks(folded("off", "--to", "0.1"), {"_start;[profiling off]": 90 * MS}, "before the start")
p = Profile("off")
check((p.process["off_ns"], p.process["off_wall_ns"], p.threads[0]["off_ns"]) ==
      (130 * MS, 200 * MS, 130 * MS), "off:", p.process)
text = prof("report", "off")
check("profiled   200 ms of 400 ms" in text and "130 ms while profiling was off" in text, text)

# -- Threads that were never sampled go where their fellows with samples are.
s, m = basic_segment(Trace())
s.samples(0, PERIOD, [(20 * MS, 2, 0, 0, 1, s.stack((m, at("_start")), (m, at("worker")), (m, at("work"))))])
for thread in range(3, 103):
    s.thread(thread, 5000 + thread, "short", CREATOR, 10 * MS, 1, 0, (m, at("worker", 0)))
s.thread_stats(30 * MS, [(2, CPU | FINAL, 10 * MS, 0, 0, 0, 0)])
s.thread_stats(30 * MS, [(t, CPU | FINAL, 8 * MS, 0, 0, 0, 0) for t in range(3, 103)])
s.end(30 * MS).write(str(HOME / "short"), 1)
same_stacks(folded("short"), {"_start;worker;[not sampled]": 800 * MS, "_start;worker;work": 10 * MS}, "short threads")
same_stacks(folded("short", "--thread", "short", "--to", "0.02"), {"_start;worker;[not sampled]": 400 * MS}, "half of them")
same_stacks(folded("short", "--thread", "5003", "--threads"), {"short/5003;_start;worker;[not sampled]": 8 * MS}, "one")

# -- Heap estimates: S/(1 - exp(-S/R)), summed, then rounded.
R, sizes = 4096, [100] * 37 + [5000] * 11
s, m = basic_segment(Trace(mean=R))
s.heap(0, R, [(i, 1, i + 1, size, stack(s, m, "leak")) for i, size in enumerate(sizes)])
s.heap(100, R, [(100 + i, 1, i + 1) for i in range(30)]).end(200).write(str(HOME / "heap"), 1)
weight = lambda size: 1 / -math.expm1(-size / R)
for metric, values in {"alloc_objects": [weight(z) for z in sizes], "alloc_space": [z * weight(z) for z in sizes],
                       "inuse_objects": [weight(z) for z in sizes[30:]],
                       "inuse_space": [z * weight(z) for z in sizes[30:]]}.items():
    same_stacks(folded("heap", "--metric", metric), {leak: round(sum(values))}, metric)

# -- Peaks: of the heap by the samples, of memory by the kernel's account.
s, m = basic_segment(Trace(mean=1))
where = stack(s, m, "leak")
s.process_stats(1 * MS, 0, 7000, 9000, 0, 0, 8000)
s.heap(MS, 1, [(1 * MS, 1, 1, 1000, where), (2 * MS, 1, 2, 3000, where), (3 * MS, 1, 2),
               (4 * MS, 1, 3, 500, where)])
s.process_stats(5 * MS, 0, 2000, 9000, 0, 0, 12000)
s.end(6 * MS).write(str(HOME / "peak"), 1)
for options, want in (((), (4000, 2, 2 * MS)), (("--from", "0.0035"), (1500, 2, 4 * MS)),
                      (("--to", "0.0015"), (1000, 1, 1 * MS))):
    of = Profile("peak", *options).process
    check((of["peak_inuse_space"], of["peak_inuse_n"], of["peak_inuse_ns"]) == want, options, of)
    check((of["peak_rss_bytes"], of["peak_rss_source"]) == (12000, "kernel"), options, of)
same_stacks(folded("peak", "--metric", "inuse_space", "--to", "0.002"), {leak: 4000}, "alive at the peak")
check([p["rss_peak_bytes"] for p in Profile("peak").raw["memory"]] == [8000, 12000], "memory")
check("rss_peak_bytes=12000" in prof("dump", "peak"), "dump")
check(Profile("heap").process["peak_rss_source"] == "seen", "no process_stats, but the kernel's peak")

# -- Selection: whole stacks by name, frames hidden, several processes.
two = HOME / "tree"
for pid, name in ((10, "parent"), (11, "child")):
    s, m = basic_segment(Trace(name, pid, bytes([pid]) * 16, start_real=pid))
    s.samples(0, PERIOD, [(1, 1, 0, 0, 1, stack(s, m, "work")), (2, 1, 0, 0, 1, stack(s, m, "leak"))])
    s.end(2).write(str(two / name), 1)
same_stacks(folded(two), {work: 2 * PERIOD, leak: 2 * PERIOD}, "two processes merged")
same_stacks(folded(two, "--processes", "--focus", "^leak"),
            {f"{n};{leak}": PERIOD for n in ("parent-10", "child-11")}, "--processes --focus")
same_stacks(folded(two, "--ignore", "^leak", "--hide", "^main$"), {"_start;work": 2 * PERIOD}, "--ignore --hide")
same_stacks(folded(two, "--hide", "."), {"[hidden]": 4 * PERIOD}, "everything hidden")
same_stacks(folded(two, "--thread", "nobody"), {}, "no such thread")

# -- Damage in the middle: the frames around it are used, the place is told.
s, m = basic_segment(Trace())
where = stack(s, m, "work")
s.frame()
start = len(s.out)
s.samples(0, PERIOD, [(1, 1, 0, 0, 1, where)]).frame()
s.samples(0, PERIOD, [(2, 1, 0, 0, 1, where)]).end(3).frame()
data = bytearray(s.out)
data[start + 12] ^= 1
(HOME / "damaged").mkdir()
(HOME / "damaged/segment-000001.lz4").write_bytes(data)
ran = run([PROF, "folded", "--symfs", HOME / "symfs", "damaged"])
check(ran.status == 1 and ran.out == f"{work} {PERIOD}\n".encode(), "damage in the middle:", ran.out)
check(f"prof: damaged/segment-000001.lz4: offset {start}: frame: ".encode() in ran.err, "says", ran.err)

# A write that was cut by a kill is no damage.
s, m = basic_segment(Trace())
s.samples(0, PERIOD, [(1, 1, 0, 0, 1, stack(s, m, "work"))]).frame()
s.samples(0, PERIOD, [(2, 1, 0, 0, 1, 1)]).uncommitted()
(HOME / "cut").mkdir()
for cut in (0, 5, 20):
    (HOME / "cut/segment-000001.lz4").write_bytes(s.out[:len(s.out) - cut])
    same_stacks(folded("cut"), {work: PERIOD}, f"an unfinished write, {cut} bytes short")

# A frame that says it holds more than 4 MiB is refused, in little memory.
s, m = basic_segment(Trace())
s.samples(0, PERIOD, [(1, 1, 0, 0, 1, stack(s, m, "work"))]).frame()
s.record(99, bytes(9 << 20)).frame().end(1).frame()
(HOME / "big").mkdir()
(HOME / "big/segment-000001.lz4").write_bytes(s.out)
ran = run(["sh", "-c", 'ulimit -v 400000; exec "$0" folded --symfs symfs big', PROF])
check(ran.status == 1 and ran.out == f"{work} {PERIOD}\n".encode() and b"content above 4 MiB" in ran.err,
      "9 MiB in a frame:", ran.status, ran.out, ran.err)
