#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that lock all their memory, use huge pages (where there are none, and in
the long form, as root, where there are) and live below a limit.

limit: 90
long: 600
"""
from oracle import *

POOL = pathlib.Path("/proc/sys/vm/nr_hugepages")


kept = POOL.read_text()
workloads = [Workload("memory-limit", [W / "w_memory", "limit"])]
if ROOT:  # others may lock less than the library maps: README, limits
    workloads.append(Workload("memory-lock", [W / "w_memory", "lock"],
                              user="root others may lock little"))
workloads.append(Workload("memory-huge", [W / "w_memory", "huge", 0]))
conform(*workloads)
if LONG and ROOT:
    try:
        POOL.write_text(str(int(kept) + 4))
        ready = int(POOL.read_text())
        check(ready, "the system gives no huge pages")
        conform(Workload("memory-huge-pages", [W / "w_memory", "huge", ready]))
    finally:
        POOL.write_text(kept)
