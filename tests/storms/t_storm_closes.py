#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: close_range(3, ~0) every 10 ms; the program's files get the same
descriptors as without the library.

limit: 60
long: 900
"""
from storm import *

storm("w_storm_closes", name="close_range(3, ~0) every 10 ms")
