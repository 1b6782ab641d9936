#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Forked children draw their heap samples apart from each other, with a seed as without:
100 children allocate the same, some four samples each.  The sum over all is right, and no
number of samples is that of half of the children, as where they draw alike.

Per run the sum is outside Bernstein's bound with a probability of at most 1e-7; one number
(none is more probable than 0.2) comes 50 times of 100 with less than 1e-10.

limit: 120
long: 120
"""
from lib import *

for seed in (0, 7):
    out = HOME / f"seed{seed}"
    out.mkdir()
    ran = run([W / "w_truth_forks", 100], timeout=100,
              env=preload(out=out / "%p", cpu="off", heap_bytes=4096, seed=seed))
    check(ran.status == 0 and not ran.err, ran.status, ran.err.decode())
    [[children, calls, size]] = ran.rows("forks")
    got, counts = 0, []
    for raw in json.loads(prof("json", out))["traces"]:
        p = Profile(None, raw=raw)
        check(sum(p.losses.values()) == 0, "losses", p.losses)
        of = p.site("in_child")
        got += of["alloc_space"]
        counts.append(of["alloc_n"])
    note("seed", seed, "samples by child", sorted(counts))
    check_heap(got, children * calls, size, 4096, f"seed {seed}: bytes of all children", 1e-7)
    check(max(counts.count(n) for n in counts) < children / 2, "children draw alike:", counts)
