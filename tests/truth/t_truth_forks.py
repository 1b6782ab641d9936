#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Forked children draw their heap samples apart from each other, with a seed as without:
100 children allocate the same, some four samples each.  The sum over all is right, and no
number of samples is that of half of the children, as where they draw alike.

Twice: the sum is outside Bernstein's bound at 1e-7 with a probability of 3e-9, the binomial
summed exactly; one number (none is more probable than 0.2) comes 50 times of 100 with less
than 1e-9 for all numbers.

limit: 120
long: 120
false: 1e-8
"""
from lib import *

off, alike = [], 0
for seed in (0, 7):
    out = HOME / f"seed{seed}"
    out.mkdir()
    ran = run([W / "w_truth_forks", 100], timeout=100,
              env=preload(out=out / "%p", cpu="off", heap_bytes=4096, heap_hz=0,
                          seed=seed))
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
    most = max(counts.count(n) for n in counts)
    check(most < children / 2, "children draw alike:", counts)
    off.append(got / (children * calls * size) - 1)
    alike = max(alike, most)
measured("heap", "forked children draw their samples apart from each other, and together right",
         f"{len(off)} runs of {children} children with {calls} blocks of {size} B each, a sample "
         "every 4 KiB; seed given and not",
         f"bytes of all {', '.join(f'{100 * x:+.2f} %' for x in off)} off; at most {alike} "
         "children with the same number of samples")
