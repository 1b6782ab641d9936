#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time by function is what the program measured itself: both engines, as
root and as an ordinary user; stacks whole, threads named, output the same.

Ten shares are checked with a false-failure rate of at most 1e-6 each; the
timer engine's samples come at the kernel's tick, at least one in 10 ms."""
from lib import *

for user in users():
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        ran, trace = work("w_shares", 1000, user=user, out=engine, cpu=engine, cpu_hz=999)
        p = Profile(trace)
        check_whole(p, what=what)
        check_named(p)
        truth, total = dict(ran.rows("share")), ran.rows("total")[0][0]
        near(sum(ns for *_, ns in p.stacks()), total, 0.01, what + " CPU time of all", 2_000_000)
        n = p.count(is_sampled)
        check(n >= total / 10e6, what, n, "samples in", total / 1e6, "ms")
        n = min(n, int(total / 1e6)) if engine == "perf" else min(n, int(total / 4e6))
        for function, cpu_ns in truth.items():
            share = p.cpu(function) / sum(ns for *_, ns in p.stacks())
            check_share(n, share * n, cpu_ns / total, f"{what} {function}")
            leaf = p.count(lambda s: s[-1] == function)
            check(leaf >= 0.9 * p.count(lambda s: function in s), what, function, "is the leaf of",
                  leaf, "samples only")
