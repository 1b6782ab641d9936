#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# This project made with two jobs, in a copy of its tree: every object the same.  In the
# short form the library alone.
#
# needs: gcc make pkg-config
# programs: make cc1*40 as*40
# masks: temporary make
# hides: make temporary stdin
# short: perf
# limit: 900
set -eu
target=${ORACLE_LONG:+all}
target=${target:-build/libprof.so}
mkdir copy
cp -r "$ORACLE_SRC"/GNUmakefile "$ORACLE_SRC"/include "$ORACLE_SRC"/preload "$ORACLE_SRC"/reader \
	"$ORACLE_SRC"/scripts copy
make -C copy -s -j2 "$target" >/dev/null
cd copy/build
[ -z "${ORACLE_LONG:-}" ] || ./prof --version | head -n 1
find . -name '*.o' | sort | xargs sha256sum
