#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: exceptions handed from thread to thread and thrown through libc; threads
that pthread_exit and cancellation unwind.

limit: 60
long: 1800
"""
from storm import *

storm("w_storm_exceptions", name="exceptions across threads")
