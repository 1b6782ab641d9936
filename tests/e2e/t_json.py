#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON of several traces holds to its schema; --lines is one event a line
in order of time and agrees with the document; dump shows every record."""
from lib import *

TRACES = (("w_threads", [100], {}), ("w_exact", [], {"heap_bytes": 1}),
          ("w_rename", [], {"cpu": "timer"}),
          ("w_mini", [], {"cpu": "off", "heap": "off"}), ("w_syscalls", [200], {"cpu_hz": 999}))
SCHEMA = SRC / "reader/schema/prof-json.schema.json"
files = []
for program, args, values in TRACES:
    _, trace = work(program, *args, out=program, **values)
    files.append(HOME / (program + ".json"))
    prof("json", "-o", files[-1], trace)
files.append(HOME / "all.json")
prof("json", "-o", files[-1], HOME)
done = run(["/usr/bin/python3", SRC / "tests/e2e/json_schema.py", SCHEMA, *files])
check(done.status == 0, "json_schema.py:", done.out.decode(), done.err.decode())
check(len(json.loads(files[-1].read_text())["traces"]) == len(TRACES),
      "the whole directory as one document")

for program in ("w_threads", "w_exact"):
    p = Profile(HOME / program)
    events = [json.loads(line) for line in prof("json", "--lines", HOME / program).splitlines()]
    check(events, program, "no lines")
    for e in events:
        check({"t_ns", "tid", "cpu", "kind", "weight", "stack"} <= set(e), "a line lacks members:",
              e)
    times = [e["t_ns"] for e in events]
    check(times == sorted(times), program, "lines are not in order of time")
    kinds = {k: [e for e in events if e["kind"] == k] for k in {e["kind"] for e in events}}
    if program == "w_threads":
        sampled = kinds.get("sample", [])
        check(len(sampled) == p.process["samples"], program, len(sampled), "lines,",
              p.process["samples"], "samples")
        check({e["tid"] for e in sampled} <= {t["tid"] for t in p.threads}, "tids",
              {e["tid"] for e in sampled})
    else:
        objects = sum(r["alloc_objects"] for _, _, r in p.rows("heap"))
        check(len(kinds["alloc"]) == objects, program, len(kinds["alloc"]), "allocs,", objects,
              "in the document")
        check(0 < len(kinds["free"]) <= len(kinds["alloc"]), program, "frees:", len(kinds["free"]))
    dump = prof("dump", HOME / program)
    for kind in ("string", "mapping", "nodes", "thread", "cumulative", "end"):
        check(kind in dump, program, "dump has no", kind)

# An estimate lies in its interval; time that no sample covers is exact; few are marked.
documents = [json.loads(file.read_text()) for file in files[:-1]]
for row in [r for d in documents for r in d["samples"]]:
    low, high = row["cpu_ns_95"]
    check(low <= row["cpu_ns"] <= high and (row["count"] > 0 or low == high), "interval", row)
    check(row["few"] == (0 < row["count"] < 10), "few", row)
for row in [r for d in documents for r in d["heap"] + d["sites"]]:
    exact = row["alloc_space_95"] == [row["alloc_space"]] * 2 and \
        row["inuse_space_95"] == [row["inuse_space"]] * 2
    n = row["alloc_n"] or row["inuse_n"]
    check(row["few"] == (not exact and 0 < n < 10), "few", row)
