#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stacks deeper than the copied bytes have their root end, too, where it is known,
and bear the mark: 1,000 functions that call each other and work on the way down.

Every function has its one true caller, so every stack is held against the truth: none
may have another order, and what does not reach main must be marked. Then recursions
reached by two ways in turn, faster than samples come: what they leave on the stack
tells the two apart, or else (twins) that both have been seen; until then the mark stands
for what no copy can tell.

limit: 60
long: 400
"""
import re

from lib import *

# Below a level: the clock it reads, an interrupt.
LEVEL = re.compile(r"level_(\d+)")
# Two samples in a row show a recursion of 40 to 239 frames of 96 bytes that was reached by
# the other way, whole, and as deep or deeper than the seam needs, in more than one of five
# cases; until that was seen once twins are mistaken for each other.  That it takes more than
# 80 samples has a probability below 0.8 ** 80 = 2e-8.
UNTIL_SEEN = 80


def levels_of(names):
    return [int(m[1]) for m in map(LEVEL.fullmatch, names) if m]


def ends(p):
    """Samples by what stands at the root, and those that are wrong."""
    found, wrong = {}, []
    for _, s, n, _ in p.stacks():
        if not n or not levels_of(s):
            continue
        mark = s[0] if s[0] in MARKERS else "whole"
        numbers = levels_of(s)
        both = mark in ("whole", "[stitched]")
        first = 0 if both else numbers[0]
        last = max(i for i, name in enumerate(s) if LEVEL.fullmatch(name))
        right = numbers == list(range(first, first + len(numbers)))
        right &= all(map(LEVEL.fullmatch, s[last - len(numbers) + 1:last + 1]))
        if both:
            right &= s[last - len(numbers)] == "main"
        found[mark] = found.get(mark, 0) + n
        if not right:
            wrong.append(s)
    return found, wrong


def way_down(engine, mode, ms, hz, least=0.95):
    for attempt in range(4):
        ran, trace = work("w_deep", mode, ms, out=f"{engine}-{mode}-{hz}-{attempt}", cpu=engine,
                          cpu_hz=hz)
        check(ran.rows("deep")[0][0] > 10 * 16384, "not deep:", ran.out)
        p = Profile(trace)
        found, wrong = ends(p)
        total = sum(found.values())
        both = found.get("whole", 0) + found.get("[stitched]", 0)
        lost = p.losses["cpu_ring_full"] + p.losses["timer_ring_full"]
        note(engine, mode, hz, found, "lost", lost)
        check(not wrong, engine, mode, len(wrong), "wrong stacks:", *wrong[:2])
        if both >= least * total or not lost:
            break
    else:
        skip(f"{engine}: the machine is too busy, samples were lost in each run")
    check(total >= 50, engine, mode, "only", total, "samples")
    check(found.get("[stitched]", 0) > total / 2, engine, mode, "hardly any is stitched", found)
    check(both >= least * total, engine, mode, f"{both} of {total} have both ends:", found)
    check(not [s for _, s, _, _ in p.stacks() if s[0] == "[stitched]" and not is_sampled(s)],
          "time that no sample covers stands below the mark")
    stacks = p.process["sample_stacks"]
    check(stacks["stitched"] == p.count(lambda s: s[0] == "[stitched]"), stacks, found)
    measured("stacks", f"1,000 frames deep, working {mode}, {engine}, {hz} Hz: both ends",
             f"{total} samples", f"{both / total:.1%}, {len(wrong)} wrong")
    return trace


def two_ways(engine, mode, ms):
    _, trace = work("w_deep", mode, ms, out=engine + "-" + mode, cpu=engine, cpu_hz=999)
    counts, wrong = {}, {}
    for _, s, n, _ in Profile(trace).stacks():
        way = {"at_one": "by_one", "at_other": "by_other"}
        leaf = [name for name in s if name in way]
        if not n or not leaf:
            continue
        mark = s[0] if s[0] in MARKERS else "whole"
        counts[mark] = counts.get(mark, 0) + n
        if mark != "[truncated]" and way[leaf[0]] not in s:
            wrong[mark] = wrong.get(mark, 0) + n
    note(engine, mode, counts, "wrong", wrong)
    check(counts.get("whole", 0) > 5 and counts.get("[truncated]", 0) > 5, engine, mode,
          "too few:", counts)
    allowed = {"[stitched]": UNTIL_SEEN} if mode == "twins" else {}
    check(all(n <= allowed.get(mark, 0) for mark, n in wrong.items()), engine, mode,
          "shown with callers that were others:", wrong, "of", counts)
    measured("stacks", f"recursions reached by two ways in turn ({mode}), {engine}",
             f"{sum(counts.values())} samples, {counts.get('[stitched]', 0)} stitched",
             f"{sum(wrong.values())} wrong")


for engine in ENGINES:
    trace = way_down(engine, "down", 4000 if LONG else 800, 250)
    if engine == "perf":
        rows = prof("folded", "--metric", "samples", trace).splitlines()
        deep = [r for r in rows if r.startswith("[stitched];") and ";main;level_000;" in r]
        check(deep, "no [stitched] rows with main in the folded output:", rows[:3])
        merged = prof("folded", "--metric", "samples", "--hide", r"^\[stitched\]$", trace)
        check("[stitched]" not in merged and ";level_99" in merged, "--hide leaves the mark")
        report = prof("report", trace)
        check(re.search(r"^stacks +\d+ whole, \d+ stitched, \d+ truncated", report, re.M),
              "the report does not say how stacks end:", report[:1500])
    two_ways(engine, "ways", 20000 if LONG else 500)
    if LONG or engine == "perf":
        two_ways(engine, "twins", 20000 if LONG else 500)
    if LONG:
        way_down(engine, "down", 1000, 99)
        way_down(engine, "updown", 4000, 250)
    if LONG and engine == "perf":
        way_down(engine, "down", 8000, 999)
