#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everyday programs under the oracle: git's merges, packs and bundles, compressors
with threads, TLS on loopback, a database with two writers, gcc with link-time
optimisation, python3's pools, asyncio, signals and C calls, foreign children that
fork and exec, this project made with two jobs (in the short form the library alone).

limit: 300
long: 2400
"""
from oracle import *

conform("git_clone", "compressors", "openssl_tls", "sqlite_rows", "gcc_compile",
        "foreign_children", "foreign_go", "foreign_32", "python_children", "python_runtime",
        "make")
