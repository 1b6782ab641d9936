#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: chains of a thousand exec calls in one process.  An image
in 1,000 may be over before its trace has begun, ten on a machine that wakes its threads late: exec
waits a bounded time for that.  Each twentieth works for 10 ms, and has samples.

limit: 200
long: 1800
"""
from storm import *


def examine(what, ran, top, found):
    """Those that work are sampled, most of them: under the timer engine a tick has to come."""
    sampled = sum(a.sampled_traces for a in found.values())
    images = dict(ran.rows("load"))["images"] // EACH
    note(what, sampled, "of", images, "images that work have samples")
    check(sampled >= images // 2, what, "only", sampled, "of", images, "images have samples")


EACH = 20  # of the images works
storm("w_storm_execs", 1000, name="exec chains of 1000", engines=("perf",),
      least_limit=150, traceless=1000, least_rates={"perf": 100, "timer": 10}, examine=examine)
