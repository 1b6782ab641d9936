#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rotation and the limit on disk: a leak of the first second is still in
inuse_space after 50 segments have been dropped, the limit holds, any subset of
the segments can be read, nobody else may read the trace."""
import stat

from lib import *

ran, trace = work("w_leak", 1000000, cpu="off", heap_bytes=1, segment_bytes="64K",
                  limit_bytes="512K", flush_ms=20)
kept = segments(trace)
p = Profile(trace)
check(p.process["segments_dropped"] >= 50, "only", p.process["segments_dropped"],
      "segments were dropped")
# A writer that gets no CPU in the 200 ms that an exit waits has dropped one more than it could say,
# and may not have written the end of the block that lives.
cut = p.process["state"] != "exit"
missing = int(kept[0].name[8:14]) - 1 - p.losses["segment_dropped"]
check(0 <= missing <= cut, "losses", p.losses, "first left", kept[0])
size = sum(s.stat().st_size for s in kept)
check(size <= 512 << 10, "the trace has", size, "bytes")
# A writer that gets no CPU for a while writes more at a time.
check(len(kept) >= 2, "only", len(kept), "segments are left")
(_, calls, total), = ran.rows("leak")
site = p.site("leak_early")
check((site["inuse_objects"], site["inuse_space"]) == (calls, total), "the leak is", site)
check(p.site("churn_block")["inuse_objects"] <= cut, "churn is live:", p.site("churn_block"))
(_, calls, total), = ran.rows("churn")
# On a busy machine the writer may get no turn in the 100 ms that a call waits.
lost = sum(p.losses[k] for k in p.losses if k not in ("segment_dropped", "heap_ring_full"))
thread, = p.threads
check(lost == 0, "losses", p.losses)
before = p.process["ended_before"]["alloc_calls"]
check(0 <= thread["alloc_calls"] + before <= calls + 1000, "calls", thread["alloc_calls"], before,
      calls)
check(p.site("churn_block")["alloc_objects"] <= calls, "more churn than there was")

check(stat.S_IMODE(trace.stat().st_mode) == 0o700, "mode of the directory",
      oct(trace.stat().st_mode))
for s in kept:
    check(stat.S_IMODE(s.stat().st_mode) == 0o600, "mode of", s.name, oct(s.stat().st_mode))
for subset in ([kept[0]], [kept[-1]], kept[1::2], kept[:-1]):
    raw = json.loads(prof("json", *subset, status=None))
    p = Profile(None, raw=raw)
    check(p.site("leak_early")["inuse_space"] == ran.rows("leak")[0][2], "segments",
          [s.name for s in subset],
          "say of the leak", p.site("leak_early"))
prof("check", trace)
for s in kept:
    check(run(["lz4", "-t", "-q", s]).status == 0, "lz4 -t refuses", s.name)
