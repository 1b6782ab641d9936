#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time in the kernel: for a user who may sample it, kernel frames under the
callers; for one who may not, the same total, the kernel's part by name.

The kernel's split of user and system time is counted by ticks, 250 a second, and what perf
does not sample is the rest beside 1000 samples a second: were both as free as trials, the two
would be 34 ms apart in a second of mixed work (one standard deviation), and 170 ms or more with
a probability of 3e-7.

false: 3e-7
"""
from lib import *

for user in users():
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        ran, trace = work("w_syscalls", 1000, user=user, out=engine, cpu=engine, cpu_hz=999)
        p = Profile(trace)
        cpu_ns, user_ns, system_ns = ran.rows("cpu")[0]
        total = sum(ns for *_, ns in p.stacks())
        near(total, cpu_ns, 0.01, what + " CPU time", 2_000_000)
        thread = p.threads[0]
        near(thread["system_ns"], system_ns, 0.05, what + " system time", 20_000_000)
        near(thread["user_ns"], user_ns, 0.05, what + " user time", 20_000_000)
        named = sum(ns for _, s, _, ns in p.stacks() if s[-1] == "[kernel: not sampled]")
        if p.kernel:
            reads = sum(ns for _, s, _, ns in p.stacks() if "work_read" in s
                        and s[-1] != "work_read")
            check(named < 0.05 * cpu_ns, what, "kernel is sampled, and", named,
                  "ns are said not to be")
            check(reads > 0.1 * cpu_ns, what, "below work_read:", reads)
        elif engine == "perf":
            near(named, system_ns, 0.15, what + " [kernel: not sampled]", 80_000_000)
            low, high = thread["kernel_not_sampled_ns_95"]
            check(low <= named <= high, what, "interval", low, high, "does not hold", named)
        else:
            check(named <= system_ns * 1.2 + 50_000_000, what, "named kernel time", named)
