#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON of several traces holds to its schema; --lines is one event a line
in order of time and agrees with the document; dump shows every record.  Intervals and
marks are as a trace made for it must have them."""
import estimates
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

# -- Of a made trace: intervals as their definitions give them, marks where it has few samples.
MADE = HOME / "estimates/trace"
estimates.write(MADE)
p = Profile(MADE, "--symfs", MADE.parent / "symfs")
main, worker = (next(t for t in p.threads if t["name"] == name) for name in ("app", "worker"))


def ends(got, low, high, what):
    check(abs(got[0] - low) <= 2 and abs(got[1] - high) <= 2, what, "has", got, "wanted", low, high)


low, high = (estimates.CPU_NS * x for x in estimates.of_share(35, 100))
ends(main["kernel_not_sampled_ns_95"], low, high, "the kernel's part")
apart = estimates.CPU_NS - 190 * estimates.MS  # what no sample covers
for thread, stack, row in p.rows("samples"):
    name, n = stack[-1], row["count"]
    check(n == estimates.SAMPLES.get(name, 0) and row["few"] == (0 < n < 10), name, row)
    if name == "[kernel: not sampled]":
        ends(row["cpu_ns_95"], low, high, name)
    elif name == "[not sampled]":
        ends(row["cpu_ns_95"], apart - high, apart - low, name)
    else:
        of = 19 if thread is main else 3
        ends(row["cpu_ns_95"], *(of * estimates.PERIOD * x for x in estimates.of_share(n, of)), name)


def is_few(n):
    return 0 < n < 10


def check_heap_row(row, name):
    _, allocated, alive = estimates.BLOCKS[name]
    check(row["alloc_n"] == allocated and row["inuse_n"] == alive, name, row)
    check(row["alloc_few"] == is_few(allocated) and row["inuse_few"] == is_few(alive) and
          row["few"] == (is_few(allocated) or is_few(alive)), name, "is marked", row)
    for kind, blocks in (("alloc", estimates.sizes(name, False)), ("inuse",
                                                                   estimates.sizes(name, True))):
        of = estimates.Sum(blocks)
        if blocks:
            ends(row[kind + "_space_95"], of.low, of.high, (name, kind))
            least, most = row[kind + "_objects_95"]
            check(least <= row[kind + "_objects"] <= most, name, row)
        else:
            ends(row[kind + "_space_95"], 0, estimates.Z**2 * estimates.MEAN, (name, kind))


for _, stack, row in p.rows("heap"):
    check_heap_row(row, stack[-1])
for row in p.raw["sites"]:
    check_heap_row(row, p.frames[row["frame"]])
check(len(p.raw["sites"]) == len(p.raw["heap"]) == len(estimates.BLOCKS), "rows", p.raw["sites"])
MARKS = ("cpu_few", "alloc_few", "inuse_few", "few")
check([main[x] for x in MARKS] == [False] * 4, main)
check([worker[x] for x in MARKS] == [True, False, False, True], "3 CPU samples, 12 allocations:",
      worker)
# the most is when all are there, the first of them allocated last
of = estimates.Sum([b for f in estimates.BLOCKS for b in estimates.sizes(f, False)])
check(p.process["peak_inuse_n"] == of.n and not p.process["peak_inuse_few"], p.process)
ends((p.process["peak_inuse_space"],) * 2, of.value, of.value, "the peak")
ends(p.process["peak_inuse_space_95"], of.low, of.high, "the peak's interval")
early = Profile(MADE, "--to", "0.0095").process
check(early["peak_inuse_n"] == 9 and early["peak_inuse_few"], "9 blocks at the peak:", early)

estimates.write(MADE.parent / "exact", mean=1)
p = Profile(MADE.parent / "exact")
for row in p.raw["heap"] + p.raw["sites"]:
    check(not row["few"] and row["alloc_space_95"] == [row["alloc_space"]] * 2, "exact:", row)
check(p.process["peak_inuse_space_95"] == [p.process["peak_inuse_space"]] * 2, p.process)

# -- Who may not sample the kernel is told how far its part may be off.
for user in users():
    _, trace = work("w_syscalls", 500, user=user, out="kernel", cpu="perf", cpu_hz=999, heap="off")
    p = Profile(trace)
    rows = {s[-1]: (t, r) for t, s, r in p.rows("samples") if r["count"] == 0}
    if p.kernel or p.cpu_engine != "perf":
        continue
    check("[kernel: not sampled]" in rows, "no kernel time in", list(rows))
    thread, row = rows["[kernel: not sampled]"]
    check(row["cpu_ns_95"] == thread["kernel_not_sampled_ns_95"], row, thread)
    check(row["cpu_ns_95"][0] < row["cpu_ns"] < row["cpu_ns_95"][1], "the kernel's part:", row)
    beside = thread["not_sampled_ns"] - thread["off_ns"]
    if "[not sampled]" in rows:
        _, rest = rows["[not sampled]"]
        low, high = row["cpu_ns_95"]
        check(rest["cpu_ns_95"] == [max(0, beside - high), max(0, beside - low)], rest, row)

# -- Of all: an estimate lies in its interval; the clock's time is exact; few are marked.
for document in [json.loads(file.read_text()) for file in files[:-1]]:
    for row in document["samples"]:
        low, high = row["cpu_ns_95"]
        kernel = document["threads"][row["thread"]]["kernel_not_sampled_ns_95"]
        check(low <= row["cpu_ns"] <= high, "interval", row)
        check(row["count"] or kernel or low == high, "the clock's time is exact:", row)
        check(row["few"] == is_few(row["count"]), "few", row)
    for row in document["heap"] + document["sites"]:
        sampled = document["engines"]["heap"]["mean_bytes"] > 1
        few = [sampled and is_few(row[n]) for n in ("alloc_n", "inuse_n")]
        check([row["alloc_few"], row["inuse_few"], row["few"]] == [*few, any(few)], "few", row)
