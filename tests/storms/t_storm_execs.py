#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: chains of a thousand exec calls in one process.  An image
in 500 may be over before its trace has begun: exec waits a bounded time for that.

limit: 200
long: 1800
"""
from storm import *

storm("w_storm_execs", 1000, name="exec chains of 1000", engines=("perf",),
      least_limit=150, traceless=500)
