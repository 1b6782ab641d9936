#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""python3 under the oracle: processes, asyncio, ctypes and its own instruments.

limit: 150
long: 900
"""
from oracle import *

conform("python_processes", "python_async", "python_inside")
