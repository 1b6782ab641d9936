#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: every call that changes users and groups, back and forth, by a process
with one thread and by one with four.  After each, every thread has the ids of the
caller and no more capabilities, ours included; in the end nobody has kept any.

limit: 150
long: 900
"""
from storm import *

# Where the process has one thread, the library's end for each change and are made again: what they
# need in between is CPU time of the trace's, of hardly any samples.
ALONE = {"perf": 20, "timer": 20}

storm("w_storm_rights", 0, name="setuid and its kin, one thread", short_s=1.5,
      least_rates=ALONE)
storm("w_storm_rights", 3, name="setuid and its kin, four threads", short_s=1.5)
storm("w_storm_rights", 3, 1, name="setuid and its kin, threads that begin as another user",
      short_s=1)
