#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: threads created, cancelled and joined at full speed on 16 KiB stacks.

limit: 60
long: 1800
"""
from storm import *

# Of threads that live for some 50 us the beginning and the end, in the kernel, have no samples, nor
# do those that no tick meets; where the writer has no CPU for as long as a ring lasts, what the
# kernel counts as lost at a thread goes with the thread.  500 to 700 a second otherwise.
SHORT_LIVED = {"perf": 60, "timer": 10}

storm("w_storm_threads", name="thread create, cancel, join; 16 KiB stacks", least_rates=SHORT_LIVED)
