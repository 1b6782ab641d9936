#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: unshare and setns of every kind of namespace at full speed while
allocating, which for some kinds takes a single-threaded process: by one thread,
beside three others, and 30 user namespaces deep in children that have just
been forked, or in the user namespace of another child.  The clock jumps that a time
namespace can make, while the program runs.

limit: 150
long: 900
"""
from storm import *

# Where the process has one thread, the library's end for each change and are made again: what they
# need in between is CPU time of the trace's, of hardly any samples.
ALONE = {"perf": 20, "timer": 5}
storm("w_storm_ns", "kinds", name="unshare and setns, one thread", short_s=1, least_rates=ALONE)
storm("w_storm_ns", "crowd", name="unshare and setns, four threads", short_s=1)
storm("w_storm_ns", "user", name="fork, then 30 nested user namespaces", short_s=1,
      least_rates=ALONE)

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

# A monotonic clock that jumps must not put the next flush off, nor hold back perf's samples.
# Back: what is in the trace of one who was killed then.  Forward: all of it, as of any other.
SECONDS = 10 if LONG else 1
stepped = 0
for engine in ENGINES if ROOT else ():
    for offset in (-1000, 1000):
        what, top = f"{engine}, clock {offset:+} s", HOME / f"clock-{offset}-{engine}"
        ran = run_limited([W / "w_storm_ns", SECONDS, "clock", offset], User("self"),
                          preload(out=top, cpu=engine, cpu_hz=1000, heap_bytes=1, limit_bytes=0,
                                  flush_ms=50), 60 + SECONDS)
        if ran.status == 77:
            continue
        stepped += 1
        check(ran.status == (-signal.SIGKILL if offset < 0 else 0), what, ran.status, ran.err)
        prof("check", top)
        p, burns = Profile(top), lambda stack: "burns_elsewhere_in_time" in stack
        check(p.site("storm_malloc")["alloc_n"] > 0, what, "nothing in the trace")
        check(p.count(burns) > 5, what, p.count(burns), "samples in", SECONDS, "s, a third burnt")
        if offset > 0:
            (pid, figures), = truths(ran).items()
            wrong = accounts(top, engine)[pid].check(what, *figures)
            check(not wrong, *wrong)
measured("storms", "a clock that jumps 1,000 s back or forward while the program runs",
         f"{stepped} runs of {SECONDS} s" + ("" if stepped == 4 else ", of 4: "
                                             "elsewhere no time namespace can be entered"),
         "unchanged, traces valid, no flush put off")
if stepped < 4:
    skip(f"{4 - stepped} of 4 clock steps could not be made; the rest passed")
