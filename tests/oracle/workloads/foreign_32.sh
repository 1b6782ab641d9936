#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A 32-bit child with a C library of its own, of a shell that is preloaded: it forks
# and executes, unprofiled; the loader's own words on it are all that is said.
#
# programs: foreign_32.sh sh
# masks: foreign
# needs: gcc /lib/ld-linux.so.2
# limit: 100
set -eu
gcc -m32 -o thirtytwo "$ORACLE_SRC/tests/oracle/workloads/foreign.c"
result=0
./thirtytwo a b || result=$?
echo "32 bits $result"
