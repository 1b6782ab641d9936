#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: handlers that interrupt malloc and leave by siglongjmp; the other threads
are recorded as before.

limit: 60
long: 900
"""
from storm import *

storm("w_storm_jumps", 20000 if LONG else 200, name="siglongjmp out of malloc")
