#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""200 threads of 8 ms each, shorter than a sampling period: each
one's CPU total is within 1 % of its clock, sampled or not, and no time is lost
or invented in the sum.

User and system time are told of threads that the kernel's ticks can have met, 1 ms and longer.

Between a thread's own reading and its end a virtual machine may charge it with
time it was stolen: four in 200 may be up to 5 % off."""
from lib import *

for user in users():
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        ran, trace = work("w_short_threads", 200, 8, user=user, out=engine, cpu=engine)
        p = Profile(trace)
        truth = ran.rows("thread")
        check(len(truth) == 200, what, len(truth), "threads")
        by_name = {t["name"]: t for t in p.threads}
        off = []
        for _, name, cpu_ns in truth:
            check(name in by_name, what, "no thread", name)
            near(by_name[name]["cpu_ns"], cpu_ns, 0.05, f"{what} cpu of {name}")
            if abs(by_name[name]["cpu_ns"] - cpu_ns) > 0.01 * cpu_ns:
                off.append((name, by_name[name]["cpu_ns"], cpu_ns))
        check(len(off) <= 4, what, "more than 1 % off:", off)
        total = sum(ns for t, *_, ns in p.stacks() if t["name"].startswith("short-"))
        near(total, ran.rows("sum")[0][0], 0.01, what + " sum")
        missed = sum(ns for _, s, _, ns in p.stacks() if not is_sampled(s))
        check(missed > 0, what, "nothing is [not sampled], which cannot be with such threads")
        starts = {s[-2] for t, s, _, _ in p.stacks() if not is_sampled(s)
                  and t["name"].startswith("short-")}
        check(starts == {"short_body"}, what, "[not sampled] stands under", starts)

        ran, trace = work("w_short_threads", 40, 0, user=user, out=engine + "-0", cpu=engine)
        shortest = [t for t in Profile(trace).threads if t["name"].startswith("short-")]
        check(len(shortest) == 40, what, len(shortest), "of 40 threads of no work")
        for t in shortest + [t for t in p.threads if t["name"] in by_name]:
            check((t["user_ns"] is not None) == (t["cpu_ns"] >= 1_000_000), what, "the split of", t)
