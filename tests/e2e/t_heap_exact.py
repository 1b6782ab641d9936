#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""LIBPROF_HEAP_BYTES=1 records every call: calls and bytes, allocated and
live, are what the program says, for each entry and degenerate case; C++ too."""
from lib import *

ran, trace = work("w_exact", cpu="off", heap_bytes=1)
same(run([W / "w_exact"]), ran)
p = Profile(trace)
check(sum(p.losses.values()) == 0, "losses", p.losses)
wrong = []
for name, calls, total, live, live_bytes in ran.rows("site"):
    got = p.site(name)
    figures = got["alloc_objects"], got["alloc_space"], got["inuse_objects"], got["inuse_space"]
    if figures != (calls, total, live, live_bytes):
        wrong.append(f"{name}: recorded {figures}, did {(calls, total, live, live_bytes)}")
check(not wrong, "\n".join(wrong))
(name, calls, total), = ran.rows("thread")
thread, = [t for t in p.threads if t["name"] == name]
check((thread["alloc_calls"], thread["alloc_bytes"]) == (calls, total), "totals of the thread:",
      thread["alloc_calls"], thread["alloc_bytes"], "wanted", calls, total)
by_thread = sum(r["alloc_objects"] for t, _, r in p.rows("heap") if t is thread)
check(by_thread == calls, "recorded on the thread:", by_thread, "wanted", calls)

ran, trace = work("w_exceptions", 100, out="cxx", cpu="off", heap_bytes=1)
p = Profile(trace)
for name, calls, total in ran.rows("site"):
    got = p.site(name + "()")
    check((got["alloc_objects"], got["alloc_space"]) == (calls, total), name, got, "wanted", calls,
          total)
    check(got["inuse_objects"] == 0, name, "is live:", got)
