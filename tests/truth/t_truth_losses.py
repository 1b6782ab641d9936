#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What was lost, throttled, switched off or changed within the times asked for is
stated below the heading of each table it touches, with when and how much, and in
the JSON; what lies outside is not.  A made trace of 10 s, in which one thing
happens in each second, is looked at whole and second by second; then a real one
whose rings overflow.

limit: 60
long: 120
"""
import re

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
from mktrace import CPU, MAIN, MS, PERIOD, at, map_app

S = 1000 * MS
PERF, HEAP = 1, 2
# second: (loss code, name, count) told at its middle
LOSSES = {1: (1, "cpu_ring_full", 7), 2: (2, "cpu_throttled", 3), 3: (4, "heap_ring_full", 5),
          4: (5, "free_ring_full", 2), 5: (13, "creation_stack", 4), 6: (8, "no_stack", 6)}
SECTIONS = {"cpu": "Hottest functions", "threads": "1 thread;", "alloc": "Allocation sites",
            "inuse": "Blocks alive"}
TOUCHES = {"cpu_ring_full": {"cpu"}, "cpu_throttled": {"cpu"}, "heap_ring_full": {"alloc", "inuse"},
           "free_ring_full": {"inuse"}, "creation_stack": {"threads"},
           "no_stack": {"cpu", "alloc", "inuse"}}


def write(directory):
    """One sample and one block every 10 ms; flushed every 100 ms."""
    s = mktrace.Trace(settings=(), period=PERIOD, mean=65536).segment()
    m = map_app(s)
    stack = s.stack((m, at("_start")), (m, at("main")), (m, at("work")))
    s.thread(1, 4242, "app", MAIN).cumulative()
    s.engine(0, PERF, 1, 0, "perf", "").engine(0, HEAP, 1, 0, "program", "")
    s.thread_stats(0, [(1, CPU, 0, 0, 0, 0, 0)]).mark(0, 1).frame()
    block = 0
    for flush in range(100):
        t0 = flush * 100 * MS
        times = [t0 + i * 10 * MS + MS for i in range(10)]
        s.samples(t0, PERIOD, [(t, 1, 0, 0, 1, stack) for t in times])
        s.heap(t0, 65536, [(t, 1, block + i + 1, 1 << 20, stack) for i, t in enumerate(times)])
        block += 10
        t = t0 + 99 * MS
        s.thread_stats(t, [(1, CPU, t, t, 0, block, block << 20)])
        second, part = divmod(flush, 10)
        if part == 5 and second in LOSSES:
            s.loss(t, LOSSES[second][0], LOSSES[second][2])
        if flush == 75:
            s.engine(t, PERF, 0, 0, "timer", "the program took the signal")
        if flush == 82:
            s.mark(t, 2)
        if flush == 85:
            s.mark(t, 1)
        s.frame()
    s.mark(10 * S, 5).end(10 * S)
    s.write(directory, 1)


def sections(*options):
    """The lines below each heading, up to the empty line."""
    text = prof("report", *options, TRACE)
    found = {}
    for name, title in SECTIONS.items():
        check(title in text, "no section", title, "in", text)
        found[name] = text[text.index(title):].split("\n\n")[0]
    return found


def told(section):
    """What a section says was lost and changed: its lines of that label, joined."""
    found, label = [], None
    for line in section.splitlines()[1:]:
        if line.startswith("  ") and line[2:9].strip() and line[2] != " ":
            label = line[2:].split()[0]
            if label in ("lost", "changed", "off"):
                found.append([label, line[2 + len(label):].strip()])
                continue
        elif line.startswith(" " * 11) and found and label in ("lost", "changed", "off"):
            found[-1][1] += " " + line.strip()
            continue
        label = None
    return [tuple(f) for f in found]


def check_window(first, last):
    """Seconds first..last: in each section just what happened there."""
    options = ("--from", str(first), "--to", str(last))
    json_losses = {x["name"]: x for x in Profile(TRACE, *options).raw["losses"]}
    for name, section in sections(*options).items():
        got = told(section)
        wanted = [(n, loss) for second, (_, loss, n) in LOSSES.items()
                  if first <= second < last and name in TOUCHES[loss]]
        lost = [t for label, t in got if label == "lost"]
        check(sorted(int(t.split()[0]) for t in lost) == sorted(n for n, _ in wanted), name,
              options, "tells", got, "wanted", wanted)
        changed = [t for label, t in got if label == "changed"]
        check(len(changed) == (name == "cpu" and first <= 7 < last), name, options, changed)
        off = [t for label, t in got if label == "off"]
        check(len(off) == (first <= 8 < last), name, options, off)
    for _, loss, n in LOSSES.values():
        inside = any(first <= s < last and x[1] == loss for s, x in LOSSES.items())
        check(json_losses[loss]["window_count"] == n * inside and json_losses[loss]["count"] == n,
              options, json_losses[loss])
        check(set(json_losses[loss]["figures"]) == TOUCHES[loss], json_losses[loss])


TRACE = HOME / "made"
write(TRACE)
whole = sections()
cpu = told(whole["cpu"])
check(any("7 CPU samples lost" in t and re.search(r"1\.50 s to 1\.60 s", t) for _, t in cpu), cpu)
check(any("0.7% of all" in t for _, t in cpu), "7 of 1007 samples:", cpu)
check(any("timer off: the program took the signal, 7.60 s" in t for _, t in cpu), cpu)
check(any(re.match(r"sampling, 1 time, for 300 ms", t) for _, t in cpu), cpu)
for start in range(10):
    check_window(start, start + 1)
check_window(0, 10)
check_window(2, 7)
quiet = prof("report", "--from", "9", TRACE)
check("losses     7 cpu_ring_full" in quiet and "(0 within these times)" in quiet,
      "losses of all times are stated on top:", quiet)
# what other outputs say on stderr is of the window, too
for first, wanted in ((1, b"7 CPU samples lost"), (9, b"")):
    ran = run([PROF, "folded", "--from", str(first), "--to", str(first + 1), TRACE])
    check((wanted in ran.err) and bool(ran.err) == bool(wanted), "folded says", ran.err)
measured("losses", "a loss, throttle, change of engine or pause is told below each table it "
         "touches, and only within its times", "12 windows, 8 happenings", "all, no other")
