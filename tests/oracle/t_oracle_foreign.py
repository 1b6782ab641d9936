#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Children that the loader cannot preload, under the oracle.

limit: 100
long: 300
"""
from oracle import *

conform("foreign")
