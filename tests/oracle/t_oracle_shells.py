#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shell and perl scripts under the oracle: traps, job control, here documents,
subshells, coprocesses, wait -n, signals between them, limits, exec chains.

limit: 120
long: 900
"""
from oracle import *

conform("bash_traps", "bash_jobs", "dash_script", "perl_signals")
