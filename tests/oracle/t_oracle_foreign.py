#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Children that the loader cannot preload, under the oracle.

limit: 100
long: 300
"""
from oracle import *

if LONG:  # what the script leaves out where it is missing
    need("go")
    check(run(["gcc", "-m32", "-x", "c", "-o", HOME / "narrow", "-"],
              stdin=b"int main(void) { return 0; }").status == 0, "gcc makes no 32-bit programs")
conform("foreign")
