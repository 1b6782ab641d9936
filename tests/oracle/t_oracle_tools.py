#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""git, tar and its compressors, openssl, sqlite3 and a compiler under the oracle; in
the long form this project made with two jobs, too.

limit: 200
long: 1800
"""
from oracle import *

conform("git", "archives", "openssl", "sqlite", "compile", "make")
