#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: 10,000 signals a second, of every kind a program may handle, and on
small alternate stacks; handlers that allocate.  At least 5,000 a second arrive, or
half of those that arrive in a bare run as long.

limit: 60
long: 3000
"""
from storm import *

PACE = ("signals", 5000)

storm("w_storm_signals", "plain", name="signals of every kind, 10 kHz", engines=("perf",),
      pace=PACE)
storm("w_storm_signals", "noprof", name="signals but SIGPROF, 10 kHz", engines=("timer",),
      pace=PACE)
for room in (1024, 2048, 3072) if LONG else (2048,):
    storm("w_storm_signals", "stacks", room,
          name=f"signals on alternate stacks, {room} bytes over the least", pace=PACE)
