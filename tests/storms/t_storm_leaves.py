#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: main leaves by pthread_exit while its workers go on, which then return,
exit, or die of a signal amid the others' allocations.

limit: 60
long: 900
"""
from storm import *

# Most of these processes last little longer than it takes until a child is sampled.
SHORT_LIVED = {"perf": 50, "timer": 10}

storm("w_storm_leaves", name="main leaves, workers go on, exit or die",
      least_rates=SHORT_LIVED)
