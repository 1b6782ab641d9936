#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: 3,000 coroutines on mmap'd stacks of 16 KiB with guard pages, switched
by swapcontext and by hand, passed from thread to thread, allocating down to
the last 512 bytes of their stack.  A signal's frame needs more than that
(about 3 KiB where the processor has wide registers), so the timer engine is
left 6 KiB.

limit: 150
long: 900
"""
from storm import *

for how in ("context", "assembly"):
    storm("w_storm_coro", how, 512, short_s=1.5, engines=("perf",), only=("perf",),
          name=f"3,000 coroutines switched by {how}, to the last 512 bytes of stack")
    if LONG or how == "context":
        storm("w_storm_coro", how, 6144, short_s=1.5, engines=("timer",), only=("timer",),
              name=f"3,000 coroutines switched by {how}, timer engine")
