#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Traces of real programs through the second decoder, which was written from
FORMAT.md alone: what the page promises of order, definitions, block histories
and cumulative sums holds in what the library writes, and prof counts the same."""
import re

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import read_trace

CASES = (("w_threads", [100], {"cpu_hz": 999, "heap_bytes": 1}),
         ("w_sites", [8], {"cpu": "timer", "cpu_hz": 999, "heap_bytes": "64K"}),
         ("w_leak", [40000], {"heap_bytes": 1, "segment_bytes": "64K", "flush_ms": 20,
                              "cpu_hz": 999}),
         ("w_dlopen", [5, 20], {"cpu_hz": 999, "heap_bytes": 1}),
         ("w_short_threads", [60, 4], {"cpu_hz": 999}))


def examine(trace):
    """Counts over all segments of a trace, every promise checked on the way."""
    alive, freed, stats = {}, set(), {}
    sums = {"samples": 0, "sample_ns": 0, "heap_events": 0, "lost": {}}
    times = []
    for number, path in enumerate(segments(trace), 1):
        what = f"{trace.name}/{path.name}"
        seg = read_trace.read_segment(path.read_bytes())
        check(seg["header"]["segment"] == number, what, "is number", seg["header"]["segment"])
        check(seg["records"][0]["kind"] == "cumulative", what, "begins with", seg["records"][0])
        check(seg["records"][-1]["kind"] == "end", what, "ends with", seg["records"][-1])
        strings, mappings, nodes, threads, began = {0}, {0}, {0}, {0}, False
        for r in seg["records"]:
            kind, rows = r["kind"], r.get("rows", [])
            if kind == "string":
                strings.add(r["id"])
            elif kind == "mapping":
                check(r["path"] in strings and r["start"] < r["end"], what, r)
                mappings.add(r["id"])
            elif kind == "nodes":
                for i, row in enumerate(rows):
                    node = r["first_id"] + i
                    parent = node - row["parent_delta"]
                    check(parent < node and parent in nodes and row["tag"] >> 1 in mappings, what,
                          "node", node, row)
                    nodes.add(node)
            elif kind == "thread":
                check(r["name"] in strings and r["stack"] in nodes
                      and r["start_mapping"] in mappings, what, r)
                threads.add(r["thread"])
            elif kind == "cumulative":
                check((r["samples"], r["sample_ns"], r["heap_events"]) ==
                      (sums["samples"], sums["sample_ns"], sums["heap_events"]), what, "cumulative",
                      r, "counted", sums)
            elif kind == "live":
                check(not began, what, "live blocks come after heap rows")
                for row in rows:
                    check(row["block"] in alive and row["stack"] in nodes
                          and row["thread"] in threads, what, row)
            elif kind in ("samples", "heap"):
                began |= kind == "heap"
                for row in rows:
                    check(row["thread"] in threads and row.get("stack", 0) in nodes, what, kind,
                          row)
            elif kind == "thread_stats":
                for row in rows:
                    now = [row[k] for k in ("cpu_ns", "alloc_calls", "alloc_bytes")]
                    check(row["thread"] in threads, what, row)
                    check(not row["flags"] & 4 or all(a <= b for a,
                                                      b in zip(stats.get(row["thread"], now), now)),
                          what, "a thread's figures shrink:", stats.get(row["thread"]), row)
                    stats[row["thread"]] = now
            if kind == "samples":
                sums["samples"] += len(rows)
                times += [row["t"] for row in rows]
                sums["sample_ns"] += sum(row["weight"] for row in rows) * r["period_ns"]
            for row in rows if kind == "heap" else []:
                sums["heap_events"] += 1
                if row["op"] == 1:
                    check(row["block"] in alive, what, "block", row["block"], "is freed, not alive")
                    del alive[row["block"]]
                    freed.add(row["block"])
                else:
                    check(row["block"] not in alive and row["block"] not in freed, what,
                          "block id used again:", row)
                    alive[row["block"]] = row["size"]
    dumped = re.findall(r" samples t=(\d+)", prof("dump", trace))
    check(times == list(map(int, dumped)), trace.name, "sample times differ from prof dump's")
    check(max(times, default=0) <= seg["records"][-1]["t"], trace.name, "samples after the end:",
          max(times, default=0), seg["records"][-1])
    return sums, alive, len(alive) + len(freed)


for program, args, values in CASES:
    ran, trace = work(program, *args, out=program, **values)
    sums, alive, blocks = examine(trace)
    p = Profile(trace)
    check(sums["samples"] > 0 and (blocks > 3 or "heap_bytes" not in values), program,
          "has next to nothing:", sums, blocks)
    check(p.process["samples"] == sums["samples"], program, "samples", p.process["samples"], sums)
    check(sum(r["alloc_n"] for _, _, r in p.rows("heap")) == blocks, program, "blocks", blocks)
    check(sum(r["inuse_n"] for _, _, r in p.rows("heap")) == len(alive), program, "alive",
          len(alive))
    check(program != "w_leak" or len(segments(trace)) >= 3, "only one segment to add up")
