#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Folded stacks: sorted, one line a stack, root first, integers that sum to the
totals of the JSON in every metric; and what each option selects."""
import re

from lib import *

ran, trace = work("w_threads", 200, cpu="perf", cpu_hz=499, heap_bytes=1)
ran2, trace2 = work("w_sites", 1, out="sites", cpu="off", heap_bytes=4096)


def folded(*options):
    rows = []
    text = prof("folded", *options)
    for line in text.splitlines():
        m = re.fullmatch(r"([^\x00-\x1f\x7f]+) (\d+)", line)
        check(m and int(m[2]) > 0, options, "line", repr(line))
        rows.append((m[1].split(";"), int(m[2])))
    lines = text.splitlines()
    check(lines == sorted(lines, key=lambda l: l.encode()), options, "is not sorted")
    stacks = [line.rsplit(" ", 1)[0] for line in lines]
    check(len(set(stacks)) == len(stacks), options, "has a stack twice")
    return rows


p, sites = Profile(trace), Profile(trace2)
total = lambda rows: sum(n for _, n in rows)
check(total(folded(trace)) == sum(ns for *_, ns in p.stacks()), "cpu differs from json")
check(total(folded("--metric", "samples", trace)) == sum(n for _, _, n, _ in p.stacks()),
      "samples differ from json")
for metric in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"):
    want = sum(r[metric] for _, _, r in sites.rows("heap"))
    got = total(folded("--metric", metric, trace2))
    check(abs(got - want) <= 1 + len(sites.raw["heap"]), metric, "is", got, "json says", want)
check(total(folded(trace2)) == total(folded("--metric", "alloc_space", trace2)),
      "default without CPU engine")
rows = folded("--threads", trace)
for tid, name, cpu_ns in ran.rows("thread"):
    near(total([r for r in rows if r[0][0] == f"{name}/{tid}"]), cpu_ns, 0.01, "--threads " + name,
         3_000_000)
    near(total(folded("--thread", name, trace)), total(folded("--thread", str(tid), trace)), 0,
         "--thread " + name)
whole = total(folded(trace))
check(total(folded("--focus", "^thread_body$", trace)) + total(folded("--ignore", "^thread_body$",
                                                                      trace)) == whole,
      "--focus and --ignore do not add up")
hidden = folded("--hide", "thread_body", trace)
check(total(hidden) == whole and not any("thread_body" in s for s, _ in hidden), "--hide")
lines = folded("--lines", trace)
check(total(lines) == whole and any(re.search(r"thread_body \(.*w_threads\.c:\d+\)", f) for s,
                                    _ in lines for f in s),
      "--lines", lines[:2])
early, late = total(folded("--to", "0.1", trace)), total(folded("--from", "0.1", trace))
near(early + late, whole, 0.02, "--from and --to 0.1", 5_000_000)
check(0 < early < late, "--to 0.1:", early, late)
out = prof("folded", "-o", "file.txt", trace)
check(out == "" and (HOME / "file.txt").read_text() == prof("folded", trace), "-o FILE")
for wrong in (["--metric", "nonsense"], ["--focus", "("], ["--from", "x"], ["--no-such-option"],
              ["no-such-trace"]):
    ran = run([PROF, "folded", *wrong, trace] if wrong[0] != "no-such-trace" else [PROF, "folded",
                                                                                   *wrong])
    check(ran.status == 2 and ran.err.startswith(b"prof: "), wrong, "-> status", ran.status,
          ran.err)
