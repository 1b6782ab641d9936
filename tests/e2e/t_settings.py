#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every setting at a value that is not its default does what it says, and the
trace repeats it."""
import re
import socket

from lib import *

HOST = socket.gethostname()


def shares(ms=300, **values):
    values.setdefault("out", "t")
    shutil.rmtree(HOME / "t", ignore_errors=True)
    ran, trace = work("w_shares", ms, **values)
    if not trace.exists():
        return None
    p = Profile(trace)
    for name, value in values.items():
        got = p.raw["settings"].get("LIBPROF_" + name.upper())
        expand = {"64K": "65536", "2K": "2048", "1M": "1048576", "0K": "0"}
        check(got == expand.get(str(value), str(value)), name, "is", got, "in the trace, wanted",
              value)
    return p


work("w_mini", out="a-%e-%p-%h-%t-%%", status=0)
made, = [t.name for t in traces(HOME)]
check(re.fullmatch(rf"a-w_mini-\d+-{re.escape(HOST)}-\d[-\dT:]+Z?-%", made), "LIBPROF_OUT became",
      made)
work("w_mini", out="deep")
work("w_mini", out="deep")
work("w_mini", out="deep")
check(all((HOME / d).is_dir() for d in ("deep", "deep.2", "deep.3")), os.listdir(HOME))

for cpu in ("perf", "timer", "off"):
    check(shares(cpu=cpu).cpu_engine == cpu, "LIBPROF_CPU", cpu)
low, high = shares(600, cpu_hz=20), shares(600, cpu_hz=2000)
check(8 <= low.count(is_sampled) <= 16, "20 Hz over 0.6 s:", low.count(is_sampled))
check(high.raw["engines"]["cpu"]["period_ns"] == 500_000, high.raw["engines"]["cpu"])
check(high.cpu_engine != "perf" or 900 <= high.count(is_sampled) <= 1500, "2000 Hz:",
      high.count(is_sampled))
_, trace = work("w_recursion", 600, 100, out="narrow", stack_bytes=2048)
p = Profile(trace)
check(p.raw["engines"]["cpu"]["stack_bytes"] == 2048, p.raw["engines"]["cpu"])
check(p.count(lambda s: s[0] == "[truncated]") > 0, "2 KiB of stack hold 600 frames")
for heap in ("program", "totals", "off"):
    check(shares(heap=heap).heap_engine == heap, "LIBPROF_HEAP", heap)
check(shares(heap_bytes="64K").mean == 65536, "LIBPROF_HEAP_BYTES")
for hz in (0, 50):
    _, trace = work("w_heap_rate", 1, 250, out=f"rate-{hz}", cpu="off", heap_bytes="1K", heap_hz=hz)
    p = Profile(trace)
    most = p.raw["engines"]["heap"]["mean_bytes_most"]
    taken = sum(row["alloc_n"] for row in p.raw["heap"])
    check((taken < 600) == (hz == 50), "LIBPROF_HEAP_HZ", hz, taken, "samples in 250 ms")
    check(most == 1024 if hz == 0 else most > 100 * 1024, "LIBPROF_HEAP_HZ", hz, "distance", most)
    check("LIBPROF_HEAP_HZ lets" in prof("report", trace) or not hz, "the report does not say so")


def seeded(seed, out):
    work("w_sites", 1, out=out, cpu="off", heap_bytes="64K", heap_hz=0, seed=seed)
    return sorted((s, r["alloc_n"]) for t, s, r in Profile(HOME / out).rows("heap") if t["main"])


check(seeded(7, "s7") == seeded(7, "s7b"), "the same LIBPROF_SEED samples differently")
check(seeded(7, "s7c") != seeded(8, "s8"), "another LIBPROF_SEED samples the same")

p = shares(600, delay_ms=300)
sampled = lambda p: sum(ns for _, s, _, ns in p.stacks() if is_sampled(s))
total = p.threads[0]["clock_cpu_ns"]  # a busy machine gives less than 300 ms of CPU time in 300 ms
off = sum(ns for _, s, _, ns in p.stacks() if s[-1] == "[profiling off]")
check(sampled(p) > 0.1e9 and off > 0.003e9, "LIBPROF_DELAY_MS=300 of 600:", sampled(p), off, "of", total)
check(off == p.process["off_ns"] and 0.29e9 < p.process["off_wall_ns"] < 1e9, p.process)
p = shares(600, duration_ms=200)
check(0 < sampled(p) < 0.35e9, "LIBPROF_DURATION_MS=200 of 600:", sampled(p))  # a busy machine gives less
check([m["mark"] for m in p.process["marks"]].count("stop") == 1, "marks", p.process["marks"])
count = lambda data: data.count(b"\x04\x22\x4d\x18")  # LZ4 frames
shares(flush_ms=20)
flushed = count(segments(HOME / "t")[0].read_bytes())
shares(flush_ms=10000)
check(count(segments(HOME / "t")[0].read_bytes()) < flushed,
      "LIBPROF_FLUSH_MS=10000 flushes as often as 20 ms")
work("w_leak", 60000, out="seg", cpu="off", heap_bytes=1, segment_bytes="64K", limit_bytes="0")
kept = segments(HOME / "seg")
check(len(kept) >= 3 and all(s.stat().st_size < 200_000 for s in kept), "LIBPROF_SEGMENT_BYTES",
      [s.stat().st_size for s in kept])
check(kept[0].name == "segment-000001.lz4", "LIBPROF_LIMIT_BYTES=0 dropped", kept[0])
work("w_fork", 20, out="c-%p", children=0)
check(len(list(HOME.glob("c-*"))) == 1, "LIBPROF_CHILDREN=0 left", list(HOME.glob("c-*")))
work("w_mini", out="no", programs="sh,w_[a-l]*", status=0)
check(not (HOME / "no").exists(), "LIBPROF_PROGRAMS did not leave w_mini out")
work("w_mini", out="yes", programs="sh,w_m*", status=0)
check((HOME / "yes").exists(), "LIBPROF_PROGRAMS left w_mini out")
quiet = run([W / "w_mini"], env=preload(out="v0"))
one = run([W / "w_mini"], env=preload(out="v1", verbose=1))
two = run([W / "w_deny", "perf_event_open", "EACCES", "env", *(f"{k}={v}" for k, v in
          preload(out="v2", verbose=2).items()), W / "w_mini"])
check(quiet.err == b"", "LIBPROF_VERBOSE=0 says", quiet.err)
check(len(one.err.splitlines()) == 2 and b"v1" in one.err, "LIBPROF_VERBOSE=1 says", one.err)
check(b"perf" in two.err and len(two.err.splitlines()) > 2, "LIBPROF_VERBOSE=2 says", two.err)
