#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: main leaves by pthread_exit while its workers go on, which then return,
exit, or die of a signal amid the others' allocations.

limit: 60
long: 900
"""
from storm import *

storm("w_storm_leaves", name="main leaves, workers go on, exit or die")
