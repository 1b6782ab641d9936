#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""postgres, node and java under the oracle.

only: long
long: 3600
"""
from oracle import *

conform("postgres", "node", "java")
