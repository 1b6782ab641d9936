#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bytes by allocation site under Poisson sampling, for several means, from
three threads, at every entry of the malloc family: allocated and still live.

66 figures within Bernstein's bound at 1e-7 (lib.poisson_bound); what lies outside of these
bounds, summed exactly over the binomials, is 1e-7 for all together.  Totals by thread are exact
at any mean.

false: 1e-7
"""
from lib import *

for mean, seed in ((16 << 10, 1), (64 << 10, 0), (512 << 10, 0)):
    for attempt in range(3):  # on a busy machine the writer may be starved, and says so
        ran, trace = work("w_sites", 2, out=f"m{mean}-{attempt}", cpu="off",
                          heap_bytes=mean, heap_hz=0, seed=seed)
        p = Profile(trace)
        if sum(p.losses.values()) == 0:
            break
    same(run([W / "w_sites", 2]), ran)
    check(p.heap_engine == "program", p.heap_engine)
    check(sum(p.losses.values()) == 0, "losses", p.losses)
    for name, calls, total, live, live_bytes, size in ran.rows("site"):
        got = p.site(name)
        check_heap(got["alloc_space"], calls, size, mean, f"{name} at {mean}", 1e-7)
        check_heap(got["inuse_space"], live, size, mean, f"{name} live at {mean}", 1e-7)
        check(got["inuse_space"] <= got["alloc_space"], name, "more live than allocated")
        check(calls * size < 20 * mean or got["alloc_n"] > 0, name, "was never sampled")
    calls = sum(r[1] for r in ran.rows("site")) // 3
    total = sum(r[2] for r in ran.rows("site")) // 3
    for t in p.threads:
        if t["name"].startswith("sites-"):
            check((t["alloc_calls"], t["alloc_bytes"]) == (calls, total), t["name"], "has",
                  t["alloc_calls"], t["alloc_bytes"], "wanted", calls, total)
    whole = [s for _, s, _ in p.rows("heap") if is_whole(s)]
    check(len(whole) >= 0.99 * len(p.raw["heap"]), len(whole), "of", len(p.raw["heap"]),
          "heap stacks are whole")

work("w_sites", 1, out="totals", cpu="off", heap="totals")
p = Profile(HOME / "totals")
check(not p.raw["heap"] and p.heap_engine == "totals", "totals:", p.heap_engine)
check(sorted(t["alloc_calls"] for t in p.threads)[0] >= calls // 2, "totals:",
      [t["alloc_calls"] for t in p.threads])
