#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: 10,000 signals a second, of every kind a program may handle, and on
small alternate stacks, and one inside the other; handlers that allocate.  At least
9,000 a second arrive, or 0.9 of those that arrive in a bare run at the same time (0.75 where
each handler changes its mask twice).

limit: 100
long: 3000
"""
from storm import *

PACE = ("signals", 9000, 0.9)
# Each signal's mask is changed twice more, which with the library takes some more of the CPU.
NESTED_PACE = ("signals", 9000, 0.75)


def nest(what, ran, top, found):
    """A handler is interrupted by another now and then, or nothing is tried."""
    n = dict(ran.rows("load"))["of_them_inside_a_handler"]
    check(n > 10, what, "only", n, "signals came while one was handled")


storm("w_storm_signals", "plain", name="signals of every kind, 10 kHz", engines=("perf",),
      pace=PACE, gives_way=("timer",))
storm("w_storm_signals", "noprof", name="signals but SIGPROF, 10 kHz", engines=("timer",),
      pace=PACE)
# On an alternate stack with 1,024 bytes to spare a thread has no CPU timer: few are sampled.
for room in (1024, 2048, 3072) if LONG else (2048,):
    storm("w_storm_signals", "stacks", room,
          name=f"signals on alternate stacks, {room} bytes over the least", pace=PACE,
          least_rates=dict(LEAST_RATES, timer=0 if room == 1024 else LEAST_RATES["timer"]))
storm("w_storm_signals", "all", 2048, name="signals of every kind on alternate stacks",
      engines=("perf",), only=("perf",), short_s=1.5, pace=PACE)
# Under the timer engine one handler in some 100,000, on top of another, has found SIGPROF in the
# mask that it interrupted, where nobody had blocked it: not mended yet.
storm("w_storm_signals", "nested", 3072, name="signals inside each other's handlers",
      engines=("perf",), only=("perf",), short_s=1.5, pace=NESTED_PACE, examine=nest)
