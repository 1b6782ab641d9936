#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stacks deeper than the copied bytes have their root end, too, where it is known,
and bear the mark; whatever is shown with both ends is the truth.

down: 1,000 functions that call each other and work on the way down.  Every one has its one
true caller, so every stack is held against the truth: none may have another order, and what
does not reach main must be marked.

self: the same by one function that calls itself from one place; nothing but its address
tells a frame from the next.  tree: two functions that call themselves and each other, up and
down as it is drawn, half of the ways too fast for samples.  The program logs each step, and
every sample, at its own time, must show what the log has on the stack then, call by call.

Then recursions reached by two ways in turn.  heights: from two heights of the stack; stacks
are stitched all the time, and each must have its way.  ways and twins: from the same place,
faster than samples come: what they leave on the stack tells the two apart, or else (twins)
that both have been seen; until then the mark stands for what no copy can tell.  Once both
ways have been seen there nothing is stitched any more.

limit: 120
long: 1200
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


def mark_of(stack):
    return stack[0] if stack[0] in MARKERS else "whole"


def is_both(stack):
    return mark_of(stack) in ("whole", "[stitched]")


def levels_of(names):
    return [int(m[1]) for m in map(LEVEL.fullmatch, names) if m]


def ends(p):
    """Samples by what stands at the root, and those that are wrong."""
    found, wrong = {}, []
    for _, s, n, _ in p.stacks():
        if not n or not levels_of(s):
            continue
        mark = mark_of(s)
        numbers = levels_of(s)
        both = is_both(s)
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


class Steps:
    """The recursion as its program wrote it down: what is on the stack when."""

    def __init__(self, ran, start):
        self.steps = [(int(b) - start, int(a) - start, f) for b, a, f in ran.rows("step")]

    def around(self, times):
        """For each of the ascending times the functions there may be, outermost first: a list
        for what was so before each step that was then under way, and one for what was after."""
        now, done = [], 0
        for t in times:
            while done < len(self.steps) and self.steps[done][1] < t:
                self.take(now, self.steps[done])
                done += 1
            found, then, at = [tuple(now)], list(now), done
            while at < len(self.steps) and self.steps[at][0] <= t:
                self.take(then, self.steps[at])
                found.append(tuple(then))
                at += 1
            yield found

    @staticmethod
    def take(now, step):
        if step[2] == "-":
            now.pop()
        else:
            now.append(step[2])


OF = {"self": "l", "left": "l", "right": "r"}


def shown_by(stack):
    """The recursion's functions on a stack; None when they do not stand together, or have
    another caller than main where the root end is there."""
    there = [name in OF for name in stack]
    first, n = there.index(True), sum(there)
    if not all(there[first:first + n]) or (is_both(stack) and stack[first - 1] != "main"):
        return None
    return tuple(OF[name] for name in stack[first:first + n])


def is_right(stack, truths):
    shown = shown_by(stack)
    return shown is not None and any(
        shown == (t if is_both(stack) else t[len(t) - len(shown):]) for t in truths)


def by_the_log(ran, trace, start):
    """Samples by what stands at the root, and those that are wrong."""
    lines = [json.loads(line) for line in prof("json", "--lines", trace).splitlines()]
    lines = [r for r in lines if r["kind"] == "sample" and set(OF) & set(r["stack"])]
    found, wrong = {}, []
    for r, truths in zip(lines, Steps(ran, start).around([r["t_ns"] for r in lines])):
        mark = mark_of(r["stack"])
        found[mark] = found.get(mark, 0) + 1
        if not is_right(r["stack"], truths):
            wrong.append((mark, r["t_ns"], len(r["stack"]), [len(t) for t in truths]))
    return found, wrong


CALLED = {"down": "1,000 functions working on the way down",
          "updown": "1,000 functions working down and up",
          "self": "a function that calls itself, working on the way down",
          "selfup": "a function that calls itself, working down and up",
          "tree": "two functions that call each other up and down, half the time too fast"}
BOTH = {"tree": 0}  # at least; what goes too fast for samples is truncated
STITCHED = {"tree": 0.005}


def way_down(engine, mode, ms, hz=None):
    least, rate = BOTH.get(mode, 0.95), {"cpu_hz": hz} if hz else {}
    for attempt in range(4):
        ran, trace = work("w_deep", mode, ms, out=f"{engine}-{mode}-{hz}-{attempt}", cpu=engine,
                          timeout=60 + ms // 50, **rate)
        check(ran.rows("deep")[0][0] > 10 * 16384, "not deep:", ran.out[:1000])
        p = Profile(trace)
        logged = ran.rows("step")
        found, wrong = by_the_log(ran, trace, p.process["start_mono_ns"]) if logged else ends(p)
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
    check(found.get("[stitched]", 0) > STITCHED.get(mode, 0.5) * total, engine, mode,
          "hardly any is stitched", found)
    check(both >= least * total, engine, mode, f"{both} of {total} have both ends:", found)
    check(not [s for _, s, _, _ in p.stacks() if s[0] == "[stitched]" and not is_sampled(s)],
          "time that no sample covers stands below the mark")
    stacks = p.process["sample_stacks"]
    check(stacks["stitched"] == p.count(lambda s: s[0] == "[stitched]"), stacks, found)
    measured("stacks", f"1,000 frames deep, {CALLED[mode]}, {engine}, {hz or 'default'} Hz: "
             "both ends, each stack the true one", f"{total} samples, {found['[stitched]']} "
             "stitched", f"{both / total:.1%}, {len(wrong)} wrong")
    return trace


def two_ways(engine, mode, ms):
    _, trace = work("w_deep", mode, ms, out=engine + "-" + mode, cpu=engine, cpu_hz=999,
                    timeout=60 + ms // 50)
    counts, wrong = {}, {}
    for _, s, n, _ in Profile(trace).stacks():
        way = {"at_one": "by_one", "at_other": "by_other"}
        leaf = [name for name in s if name in way]
        if not n or not leaf:
            continue
        mark = mark_of(s)
        counts[mark] = counts.get(mark, 0) + n
        if mark != "[truncated]" and way[leaf[0]] not in s:
            wrong[mark] = wrong.get(mark, 0) + n
    note(engine, mode, counts, "wrong", wrong)
    least = {"whole": 5, **({"[stitched]": 20} if mode == "heights" else {"[truncated]": 5})}
    check(all(counts.get(mark, 0) > n for mark, n in least.items()), engine, mode, "too few:",
          counts)
    allowed = {"[stitched]": UNTIL_SEEN} if mode == "twins" else {}
    check(all(n <= allowed.get(mark, 0) for mark, n in wrong.items()), engine, mode,
          "shown with callers that were others:", wrong, "of", counts)
    but = f" (but for up to {UNTIL_SEEN} marked stitched, until both have been seen whole)"
    measured("stacks", f"recursions reached by two ways in turn ({mode}), {engine}: the true "
             "one is shown" + (but if allowed else ""),
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
    way_down(engine, "self", 4000 if LONG else 800, 250)
    two_ways(engine, "ways", 20000 if LONG else 500)
    if LONG or engine == "perf":
        way_down(engine, "tree", 8000 if LONG else 2000, 999)
        two_ways(engine, "heights", 4000 if LONG else 1000)
        two_ways(engine, "twins", 20000 if LONG else 500)
    if LONG:
        two_ways(engine, "waysdown", 4000)
        two_ways(engine, "twinsdown", 4000)
        way_down(engine, "down", 1000, 99)
        way_down(engine, "updown", 4000, 250)
        way_down(engine, "self", 4000)
        way_down(engine, "self", 1000, 99)
        way_down(engine, "selfup", 4000, 250)
    if LONG and engine == "perf":
        way_down(engine, "down", 8000, 999)
        way_down(engine, "self", 8000, 999)
