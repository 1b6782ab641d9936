#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The golden segment, read by prof and by a decoder of its own written from
FORMAT.md alone: both say the same, and what was put in; the encoder of the
tests still makes the very same bytes."""
from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
import read_trace

golden = SRC / "tests/golden/basic"
segment = golden / "segment-000001.lz4"
data = segment.read_bytes()
mktrace.case_basic(str(HOME / "again"))
check((HOME / "again/segment-000001.lz4").read_bytes() == data, "mktrace.py makes other bytes")

for metric in ("cpu", "samples", "alloc_objects", "alloc_space", "inuse_objects", "inuse_space"):
    got = prof("folded", "--metric", metric, "--symfs", golden / "symfs", golden)
    check(got == (golden / (metric + ".folded")).read_text(), metric, "is\n" + got)
    # as the first format version had it, its samples by row
    old = prof("folded", "--metric", metric, "--symfs", golden / "symfs", golden.parent / "version-1")
    check(old == got, metric, "of version 1 is\n" + old)

# The same bytes through the lz4 program: one stream of records.
need("lz4")
second = read_trace.read_segment(data)
content = b"".join(f for f in [run(["lz4", "-dc", segment]).out])
kinds, src = [], read_trace.Bytes(content)
while src.left():
    kind, length = src.take(1)[0], src.varint()
    kinds.append(read_trace.read_record(kind, read_trace.Bytes(src.take(length))))
check(kinds == second["records"], "lz4 -dc and the second decoder differ")

# Row by row against prof dump, in order: the numbers of both.
NAMES = {"nodes": ("id", "parent", "mapping", "offset", "guessed"), "cumulative": None}


def rows_of(records):
    """(kind, {field: number}) as prof dump prints them: rows with the fields
    before them, times and ids made whole."""
    for r in records:
        kind, t = r["kind"], r.get("t0", r.get("t"))
        head = {k: v for k, v in r.items() if isinstance(v, int) and k not in ("t0", "first_id")}
        if kind == "cumulative":
            yield kind, head
            yield from ((kind, row) for row in r["rows"])
            continue
        for i, row in enumerate(r.get("rows", [{}])):
            row = dict(row)
            if kind == "nodes":
                number = r["first_id"] + i
                row = {"id": number, "parent": number - row["parent_delta"], "mapping": row["tag"] >> 1,
                       "offset": row["offset"], "guessed": row["tag"] & 1}
            if "dt" in row:
                t += row.pop("dt")
                row.setdefault("t", t)  # columns: of the decoder, which knows their pace
            if kind == "samples":
                row["cpu"], row["in_kernel"] = row["cpu"] >> 1, row["cpu"] & 1
            if kind in ("heap", "live"):
                row["mean"] = r["mean_bytes"]
            if row.pop("op", 0):
                del row["mean"]
            yield kind, {k: v for k, v in {**head, **row}.items() if k not in ("mean_bytes", "build_id_len")}


def dumped():
    for line in prof("dump", segment).splitlines():
        place, kind, *words = line.split(" ")
        if "+" in place:
            pairs = (w.split("=", 1) for w in words if "=" in w)
            yield kind, {k: int(v, 0) for k, v in pairs if v[:1].isdigit() and k != "build_id"}


for got, want in zip(dumped(), rows_of(second["records"]), strict=True):
    kind, fields = want
    if not isinstance(kind, int):
        check(got == (kind, fields), "prof dump says", got, "the second decoder", want)
    else:
        check(got == ("unknown", {"kind": kind, "bytes": len(b"from the future")}), "unknown kind:", got)

header = second["header"]
shown = dict(line.split(" header ", 1)[1].split("=", 1) for line in prof("dump", segment).splitlines()
             if " header " in line and "min_reader" not in line)
for name, value in shown.items():
    want = header["settings"][0] if name == "setting" else header[name]
    check(value.strip('"') == str(want), "header", name, "is", value, "not", want)

# Events in order of time per thread, as json --lines hands them out.
events = [json.loads(line) for line in prof("json", "--lines", "--symfs", golden / "symfs", golden).splitlines()]
check([(e["t_ns"], e["weight"]) for e in events if e["kind"] == "sample" and e["tid"] == 4242] ==
      [(n * 10**6, 10**7) for n in (10, 20, 30, 40, 41)], "samples of the main thread:", events)
check(sum(e["weight"] for e in events if e["kind"] == "alloc") == 4148, "bytes allocated")

# Names that would command a terminal, and losses, are shown and harmless.
text = prof("dump", segment)
check("\x1b" not in text and r"\x1b[31mred\xff" in text, "control characters in dump")
ran = run([PROF, "check", golden])
check(ran.status == 0 and b"cpu_ring_full 3, cpu_throttled 0" in ran.out, "check:", ran.out)
ran = run([PROF, "folded", golden])
check(b": 3 CPU samples lost" in ran.err, "losses on stderr:", ran.err)
