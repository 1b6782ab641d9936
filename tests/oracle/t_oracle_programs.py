#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""More of everyday programs under the oracle, and more of what they can do: git's
merges, packs and bundles, compressors with threads, TLS on loopback, a database with
two writers, gcc with link-time optimisation, python3's pools, signals and C calls,
foreign children that fork and exec.

long: 1800
only: long
"""
from oracle import *

conform("git_clone", "compressors", "openssl_tls", "sqlite_rows", "gcc_compile",
        "foreign_children", "python_children", "python_runtime")
