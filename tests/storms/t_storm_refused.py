#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: eight threads ask for memory they do not get: sizes nobody can serve,
and RLIMIT_AS or RLIMIT_DATA reached.  A failed realloc leaves its block alive
and known.

limit: 150
long: 900
"""
from storm import *

storm("w_storm_refused", 0, 0, name="realloc to failure", short_s=1.5)
storm("w_storm_refused", 64, 0, name="realloc to failure at RLIMIT_AS", short_s=1.5)
storm("w_storm_refused", 0, 64, name="realloc to failure at RLIMIT_DATA", short_s=1.5)
