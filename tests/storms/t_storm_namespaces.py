#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: unshare and setns of every kind of namespace at full speed while
allocating, which for some kinds takes a single-threaded process: by one thread,
beside three others, and 30 user namespaces deep in children that have just
been forked.

limit: 150
long: 900
"""
from storm import *

storm("w_storm_ns", "kinds", name="unshare and setns, one thread", short_s=1)
storm("w_storm_ns", "crowd", name="unshare and setns, four threads", short_s=1)
storm("w_storm_ns", "user", name="fork, then 30 nested user namespaces", short_s=1)

# Where the program may make no thread any more, nor may we: the trace says why it ends.
for user in users():
    for engine in ENGINES:
        bare = run([user.file(W / "w_storm_ns"), 1, "last"], user)
        ran, trace = work("w_storm_ns", 1, "last", user=user, out=f"last-{engine}", cpu=engine,
                          cpu_hz=1000, heap_bytes=1)
        same(bare, ran, "last")
        prof("check", trace)
        notes = [e["text"] for e in Profile(trace).events if e["name"] == "writer"]
        check(len(notes) == 1 and "pid namespace" in notes[0], engine, "said", notes)

# A monotonic clock that jumps back must not put the next flush off, nor hold back perf's samples.
for engine in ENGINES if ROOT else ():
    ran, trace = work("w_storm_ns", 1, "clock", out=f"clock-{engine}", cpu=engine, status=None,
                      cpu_hz=499, heap_bytes=1)
    if ran.status != 77:
        check(ran.status == -signal.SIGKILL, engine, "status", ran.status, ran.err)
        prof("check", trace)
        p = Profile(trace)
        check(p.site("storm_malloc")["alloc_n"] > 0, engine,
              "in a time namespace: nothing in the trace after 1 s")
        burnt = p.count(lambda s: "burns_back_in_time" in s)
        check(burnt > 5, engine, "in a time namespace: only", burnt, "samples in 1 s, a third burnt")
