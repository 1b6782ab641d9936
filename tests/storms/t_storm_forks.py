#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: eight threads fork; the children allocate, free what is their parent's,
fork again; bare clones, vfork and exec among them.

limit: 60
long: 900
"""
from storm import *

storm("w_storm_forks", 4000 if LONG else 400, name="fork from 8 threads, clone, vfork and exec",
      # its children live for less than the kernel takes to begin
      least_rates={"perf": 300, "timer": 20})
