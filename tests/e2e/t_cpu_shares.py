#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time by function is what the program measured itself: both engines, as
root and as an ordinary user; stacks whole, threads named, output the same.

Sixteen shares: of some 1000 samples drawn at random (lib.check_share) the exact binomial leaves
at most 1.2e-8 outside of each bound, and samples at even distances vary less.  The timer
engine's samples come at the kernel's tick, at least one in 10 ms.

false: 2e-7
"""
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
