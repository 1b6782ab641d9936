#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each option of the outputs changes what it says it changes, in each output
that takes it; windows of time add up to the whole."""
import random
import re
import sys

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
from mktrace import CPU, FINAL, MS, Trace, at, basic_segment

random.seed(5)
mktrace.write_symfs(str(HOME))
SYMFS = ("--symfs", HOME / "symfs")


def folded(trace, *options, symfs=SYMFS):
    text = prof("folded", *symfs, *options, trace)
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in text.splitlines()}


# -- A trace of a second: a sample of 1 ms a time on each of two threads, a call
# of malloc between them, one block in three freed 100 ms later.
s, m = basic_segment(Trace(period=MS, mean=1))
main, worker = (m, at("_start")), (m, at("worker"))
stacks = [s.stack(main, (m, at("main")), (m, at(f))) for f in ("work", "inner loop", "leak;it")]
stacks.append(s.stack(worker, (m, at("size 8"))))
samples = [(t * MS + 500, 1 + t % 2, t % 4, 0, 1, stacks[t % 3 if t % 2 == 0 else 3])
           for t in range(1000)]
s.samples(0, MS, samples)
blocks = [(t * MS + 700, 1 + t % 2, t + 1, 10 + t % 50, stacks[t % 3 if t % 2 == 0 else 3])
          for t in range(1000)]
frees = [(t + 100 * MS, thread, block) for t, thread, block, *_ in blocks if block % 3 == 0]
s.heap(0, 1, sorted(blocks + frees, key=lambda row: row[0]))
for t in range(0, 1001, 50):
    flags = CPU | (FINAL if t == 1000 else 0)
    s.thread_stats(t * MS, [(n, flags, t * 600_000 + n * t, 0, 0, t // 2, t * 17) for n in (1, 2)])
s.end(1001 * MS).write(str(HOME / "t"), 1)

whole = {metric: sum(folded("t", "--metric", metric).values())
         for metric in ("samples", "cpu", "alloc_objects", "alloc_space")}
check(whole["samples"] == 1000 and whole["alloc_objects"] == 1000, "the whole:", whole)
edges = [0, *sorted(random.sample(range(1, 1000), 6)), 1002]
parts = dict.fromkeys(whole, 0)
for a, b in zip(edges, edges[1:]):
    window = ("--from", f"{a / 1000}", "--to", f"{b / 1000}")
    for metric in whole:
        got = sum(folded("t", *window, "--metric", metric).values())
        parts[metric] += got
        events = samples if metric == "samples" else blocks
        inside = [r for r in events if a * MS <= r[0] <= b * MS]
        want = {"samples": len(inside), "cpu": got, "alloc_objects": len(inside),
                "alloc_space": sum(r[3] for r in inside)}[metric]
        check(got == want, metric, window, "is", got, "not", want)
    kept = [r for r in blocks if a * MS <= r[0] <= b * MS and
            (r[2] % 3 or r[0] + 100 * MS > b * MS)]
    got = sum(folded("t", *window, "--metric", "inuse_space").values())
    check(got == sum(r[3] for r in kept), "inuse_space", window, "is", got)
    got = sum(t["alloc_bytes"] for t in Profile("t", *window).threads)
    near(got, 34 * min(b, 1000) - 34 * a, 0, f"exact bytes in {window}", 4)
cpu = parts.pop("cpu")
check(abs(cpu - whole["cpu"]) <= 2 * len(edges), "cpu of the windows", cpu, "of all", whole["cpu"])
check(parts == {k: v for k, v in whole.items() if k != "cpu"}, "the windows", parts, "all", whole)
for wrong in (("--to", "x"), ("--from", "-1"), ("--from", "2", "--to", "1"), ("--to", "1e30")):
    check(run([PROF, "folded", *wrong, "t"]).status == 2, wrong, "is taken")

# -- Selection, in every output.
plain = {c: prof(*c.split(), *SYMFS, "t") for c in ("report", "folded", "json", "json --lines")}
for options, kept, gone in (
        (("--thread", "worker 1"), "size 8", "inner loop"),
        (("--thread", "4242"), "inner loop", "size 8"),
        (("--thread", "work*"), "size 8", "inner loop"),
        (("--focus", "^leak"), "leak;it", "size 8"),
        (("--ignore", "^leak|^size"), "inner loop", "size 8"),
        (("--hide", "^leak"), "size 8", "leak;it"),
        (("--hide", "^main$", "--ignore", "^size"), "leak;it", "size 8")):
    for command, before in plain.items():
        got = prof(*command.split(), *SYMFS, *options, "t")
        kept_, gone_ = kept, gone
        if command == "folded":
            kept_, gone_ = (n.replace(";", ":").replace(" 8", "_8") for n in (kept, gone))
        if command == "json":  # whose threads and their start functions stay
            names = lambda doc: {doc["functions"][doc["frames"][f["frame"]]["function"]]["name"]
                                 for f in doc["stacks"]}
            got, before = str(names(json.loads(got))), str(names(json.loads(before)))
        check(kept_ in got and gone_ in before and gone_ not in got, command, options, "gives",
              got[:3000])
p, hidden = Profile("t", *SYMFS), Profile("t", *SYMFS, "--hide", "^(work|inner loop|leak;it)$")
check(p.site("work")["alloc_objects"] == 167 and hidden.site("main")["alloc_objects"] == 500,
      "--hide leaves the sites", hidden.raw["sites"])

# -- What is shown of a stack.
check(all(k.startswith(("app/4242;", "worker 1/4243;")) for k in folded("t", "--threads")),
      "--threads")
check(all(k.startswith("app-4242;_start;") or k.startswith("app-4242;worker;")
          for k in folded("t", "--processes")), "--processes", folded("t", "--processes"))
check(all(k.startswith("app-4242;app/") or k.startswith("app-4242;worker 1/")
          for k in folded("t", "--processes", "--threads")), "both")
check(not any("main" in k for k in folded("t", symfs=())), "names without --symfs")
for command in ("report", "json", "json --lines"):
    check("inner loop" not in prof(*command.split(), "t"), command, "names without --symfs")
rows = lambda text: text.split("Hottest functions")[1].split("\n\n")[0].splitlines()[2:]
report = prof("report", *SYMFS, "--top", "2", "t")
check(len(rows(plain["report"])) == 8 and len(rows(report)) == 2, "--top 2", report)
check(rows(report) == rows(plain["report"])[:2], "--top shows others:", report)
check("2 of 8" in report, "--top does not say of how many:", report)
check(run([PROF, "report", "--top", "-1", "t"]).status == 2, "--top -1 is taken")
peek = prof("report", *SYMFS, "--peek", "^main$", "t")
check("_start" in peek and "inner loop" in peek and "size 8" not in peek,
      "--peek main:", peek)

# -- A report fits the width that is asked for; an empty one says why.
for columns in (72, 80, 98, 200):
    for options in ((), ("--peek", "."), ("--from", "0.5"), ("--metric", "alloc_space")):
        text = prof("report", *SYMFS, *options, "t", env={"COLUMNS": columns})
        wide = [line for line in text.splitlines()
                if len(line) > columns and " " in line.strip()]
        check(not wide, columns, "columns:", wide[:3])
for options in (("--thread", "nobody"), ("--focus", "zzz"), ("--from", "5"), ("--ignore", ".")):
    text = prof("report", *SYMFS, *options, "t")
    check("nothing    no sample of the threads, stacks and times asked for" in text and
          "idle" not in text and "LIBPROF_CPU_HZ=" not in text.split("losses")[1], options, text)
text = prof("report", *SYMFS, "--to", "0.5", "t")
check("Blocks alive at 0.5 s:" in text and "Blocks alive at the exit:" in plain["report"], text)

# -- Debug information: lines, and where it is looked for.
need("gcc", "objcopy", "strip")
program = HOME / "shares"
run(["gcc", "-O2", "-g", "-Wl,--build-id=sha1", "-o", program, SRC / "tests/work/w_shares.c"])
notes = run(["readelf", "-n", program]).out.decode()
identity = next(line.split()[-1] for line in notes.splitlines() if "Build ID" in line)
debug = HOME / "debug/.build-id" / identity[:2] / (identity[2:] + ".debug")
debug.parent.mkdir(parents=True)
run(["objcopy", "--only-keep-debug", program, debug])
run(["strip", program])
ran = run([program, "100"], env=preload(out="shares.t", cpu_hz=999))
check(ran.status == 0, "w_shares:", ran.status, ran.err)
where = ("--debug-dir", HOME / "debug")
without, found = folded("shares.t", symfs=()), folded("shares.t", *where, symfs=())
check(not any("work_half" in k for k in without) and any("work_half" in k for k in found),
      "--debug-dir changes nothing:", found)
lines = folded("shares.t", *where, "--lines", symfs=())
check(any("w_shares.c:" in k for k in lines) and not any("w_shares.c" in k for k in found),
      "--lines:", lines)

# -- Every member of the JSON that the schema has is spoken of in JSON.md.
page = (SRC / "reader/JSON.md").read_text()


def members(schema):
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for part in schema.values():
            yield from members(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from members(part)


for name in ("prof-json", "prof-json-line"):
    schema = json.loads((SRC / f"reader/schema/{name}.schema.json").read_text())
    missing = [m for m in set(members(schema)) if not re.search(rf"\b{m}\b", page)]
    check(not missing, "JSON.md does not speak of", missing)
