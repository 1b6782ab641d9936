#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: threads created, cancelled and joined at full speed on 16 KiB stacks.

limit: 60
long: 1800
"""
from storm import *

storm("w_storm_threads", name="thread create, cancel, join; 16 KiB stacks")
