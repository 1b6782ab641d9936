#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: 5,000 live threads at ulimit -n 1024, of which the program keeps every
descriptor; what each adds to the program's memory with the default settings; with
small segments, that what is said of all threads at once is written in parts.

limit: 180
long: 900
"""
from storm import *

sys.path.insert(0, str(SRC / "tests/trace"))
import read_trace

THREADS = 5000
# A registry state and its share of tables, the profiler's tables for one thread.
THREAD_KIB = 1
# The tables that all share, and the part of the ring in use.
BASE_KIB = 8 << 10
SEGMENT, EVENT_BYTES = 64 << 10, 16 << 10


def memory(engine=None):
    """Resident KiB that the crowd adds, bare or with the default settings."""
    values = preload(out=f"memory-{engine}", cpu=engine) if engine else None
    ran = run_limited([W / "w_storm_crowd", 0, THREADS], User("self"), values, 60)
    check(ran.status == 0, engine, "status", ran.status, ran.err)
    (kib,), = ran.rows("memory")
    return kib


def small_frames(what, ran, directory, found):
    """No frame is larger than a segment, but for what one event may add."""
    sizes = [len(content) for trace in traces(directory) for path in segments(trace)
             for content in read_trace.frames(path.read_bytes())]
    check(max(sizes) < SEGMENT + EVENT_BYTES, what, "a frame of", max(sizes), "bytes")
    check(len(sizes) > 10, what, "only", len(sizes), "frames")


# Of what 5,000 threads use before they sleep ticks see little: where the kernel's part is known
# by them alone, there were 238 samples a second of the rest.
FEW = dict(LEAST_RATES, perf=LEAST_RATES["perf"] / 2)

storm("w_storm_crowd", THREADS, name=f"{THREADS:,} live threads", short_s=0.5, least_rates=FEW)
storm("w_storm_crowd", THREADS, name=f"{THREADS:,} live threads, segments of 64 KiB", short_s=0.5,
      engines=("perf",), segment_bytes=SEGMENT, examine=small_frames, least_rates=FEW)
bare = memory()
for engine in ENGINES:
    added = memory(engine) - bare
    note(f"{engine}: {added} KiB for {THREADS} threads, {added * 1024 / THREADS:.0f} bytes each")
    check(added <= BASE_KIB + THREADS * THREAD_KIB, engine, added, "KiB are added by", THREADS,
          "threads")
    measured("storms", f"memory of {THREADS:,} threads, default settings, {engine}",
             f"{THREADS:,} threads", f"{added:,} KiB more resident: "
             f"{added * 1024 / THREADS:.0f} bytes a thread")
