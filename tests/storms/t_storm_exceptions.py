#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: exceptions handed from thread to thread and thrown through libc; threads
that pthread_exit and cancellation unwind.

limit: 60
long: 1800
"""
from storm import *

# A part of its threads is cancelled or leaves at once.
SHORT_LIVED = {"perf": 250, "timer": 60}

storm("w_storm_exceptions", name="exceptions across threads", least_rates=SHORT_LIVED)
