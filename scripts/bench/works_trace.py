# SPDX-License-Identifier: Apache-2.0
"""The figures of the writer: bytes of trace, and unwinding: its cost, reach and truth."""
import re

from measure import Failed, Missing, need
from table import Row

SCRIPT = ("import json\nt = json.dumps([{'id': i, 'name': str(i) * 3} for i in range(3000)])\n"
          "for _ in range(%d):\n sorted(map(str, json.loads(t)))")


def trace_bytes(bench):
    return sum(f.stat().st_size for f in bench.traces.rglob("*") if f.is_file())


def samples_and_bytes(bench, argv):
    """(samples in the trace, bytes of each); the reader's lines on losses are left out."""
    bench.remove_traces()
    bench.run(argv, bench.libprof(CPU_HZ=999, HEAP="off"))
    folded = bench.run([bench.prof, "folded", "--metric", "samples", bench.traces]).out
    samples = sum(int(n) for n in re.findall(r";.* (\d+)$", folded, re.MULTILINE))
    if samples < 1000:
        raise Failed(f"only {samples} samples")
    return samples, trace_bytes(bench) / samples


def bytes_an_allocation(bench, argv):
    """Every allocation is recorded; (allocations recorded, lost, bytes of each)."""
    bench.remove_traces()
    bench.run(argv, bench.libprof(CPU="off", HEAP_BYTES=1))
    lines = bench.run([bench.prof, "dump", bench.traces]).out
    recorded = lines.count(" heap alloc t=")
    if not recorded:
        raise Failed("prof dump shows no allocation")
    return recorded, trace_bytes(bench) / recorded


def disk(bench, notes):
    """Bytes of trace for each CPU sample; the whole trace, headers and tables included."""
    for name, argv in (("40 frames", [bench.work / "w_frames40", 2500]),
                       ("python3", ["python3", "-c", SCRIPT % bench.pick(2000, 1400)])):
        samples, size = samples_and_bytes(bench, argv)
        yield Row(f"trace, 999 Hz, {name}: {samples} samples", "B", [], [size], limit=9,
                  counted=True)
    for name, argv in (("pair", [bench.out / "pair", bench.pick(400_000, 100_000), 1000]),
                       ("bignum (C)", [bench.out / "bignum", bench.pick(1200, 400)]),
                       ("document (C++)", [bench.out / "document", 4])):
        count, size = bytes_an_allocation(bench, argv)
        yield Row(f"trace, {name}: {count} allocations, freed", "B", [], [size], limit=20,
                  counted=True)
    notes.append("trace: all bytes of the directory over all samples (LIBPROF_HEAP=off; python3 "
                 "parses JSON), or over all allocations that are in it, LIBPROF_HEAP_BYTES=1.")


def cost(bench, notes):
    done = [bench.run([bench.out / "unwinding"]) for _ in range(bench.pick(4, 3))]
    ns = {k: [r.number(k, 1) / 100 for r in done]
          for k in ("hot", "near", "far", "chase_near", "chase_far", "made")}
    yield Row("unwinding, a frame, hot", "ns", [], ns["hot"], limit=10)
    yield Row("unwinding, a frame, out of the near caches", "ns", [], ns["near"], limit=30)
    yield Row("as many dependent reads, as cold", "ns", [], ns["chase_near"], bound=True)
    yield Row("unwinding, a frame, out of all caches", "ns", [], ns["far"], limit=30)
    yield Row("as many dependent reads, as cold", "ns", [], ns["chase_far"], bound=True)
    yield Row("unwinding: a row, when it is made", "ns", [], ns["made"])
    notes.append("unwinding: a stack of 44 frames, medians of 61.  Near: 4 MiB of other memory "
                 "were written before each time, all: 256 MiB.  Dependent reads: each says where "
                 "the next one is, as a return address does, within as much memory as the rows "
                 "have.")


def agreement(bench, notes):
    """The unit tests' comparisons with libunwind and elfutils, address by address."""
    by_tables = bench.build / "tests/unit/test_rows"
    referee = bench.build / "tests/unit/test_rows_referee"
    if not (by_tables.exists() and referee.exists()):
        raise Missing("the unit tests are not built")
    walks = re.search(r"(\d+) stacks walked both ways", bench.run([by_tables]).out)
    agreed = re.findall(r"(\d+) agree, (\d+) not compared", bench.run([referee]).out)
    if not walks or not agreed:
        raise Failed("the unit tests of rows print no counts")
    same, uncompared = (sum(int(x[i]) for x in agreed) for i in (0, 1))
    notes.append(f"rows agree with libunwind on {walks[1]} walks, and with elfutils on {same} "
                 f"addresses ({uncompared} not comparable): tests/unit/test_rows*.c, run here, "
                 "which fail at the first difference.")


def real_programs(bench):
    query = bench.out / "inside.sql"
    query.write_text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE "
                     "i<1500000) SELECT count(*), sum(i*i % 7), max(length(hex(i))) FROM n;\n",
                     encoding="utf-8")
    source = bench.out / "inside.c"
    body = "".join(f"int f{i}(int x) {{ int s = 0; for (int i = 0; i < x; i++) "
                   f"s += (i * {i} ^ x) % {i + 3}; return s + g[{i}]; }}\n" for i in range(1500))
    source.write_text("int g[1500];\n" + body, encoding="utf-8")
    return {"sqlite3": ["sqlite3", ":memory:", f".read {query}"],
            "openssl speed rsa": ["openssl", "speed", "-seconds", "1", "rsa1024", "rsa2048"],
            "python3": ["python3", "-c", SCRIPT % 700],
            "gcc": ["gcc", "-O2", "-S", "-o", "/dev/null", source]}


def look_inside(bench, argv):
    """Sums over all processes: the numbers of the lines that inside.c writes."""
    log = bench.out / "inside.txt"
    log.unlink(missing_ok=True)
    inside = bench.libprof(bench.out / "libprof-bench.so", CPU_HZ=999)
    inside.env["BENCH_INSIDE"] = str(log)
    bench.run(argv, inside)
    lines = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    if not lines:
        raise Failed(f"{argv[0]} left no figures")
    return [sum(int(line[i]) for line in lines) for i in range(2, 9)]


def reach(bench, notes):
    """What real programs' frames are unwound by, and whether libunwind says the same."""
    need("sqlite3", "openssl", "python3", "gcc")
    checked_in_all = 0
    for name, argv in real_programs(bench).items():
        stacks, _, frames, by_row, _, checked, differ = look_inside(bench, argv)
        if stacks < 200:
            raise Failed(f"{name}: only {stacks} stacks")
        yield Row(f"{name}: frames that rows do not cover", "%", [],
                  [100 * (frames - by_row) / frames], limit=1, counted=True)
        yield Row(f"{name}: stacks where libunwind differs", "", [], [differ], limit=0,
                  counted=True)
        checked_in_all += checked
    notes.append(f"self-check: {checked_in_all} stacks walked twice at 999 Hz, by rows and by "
                 "libunwind, heap samples included, in all processes that a program starts.")


def unwinding(bench, notes):
    yield from cost(bench, notes)
    agreement(bench, notes)
    yield from reach(bench, notes)


WORKS = {"disk": disk, "unwinding": unwinding}
