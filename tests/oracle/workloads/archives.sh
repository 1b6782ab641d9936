#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tar with each of the compressors as its child, and they by themselves: what
# comes out is compared byte for byte.
#
# needs: tar gzip xz bzip2
# programs: tar*8 gzip xz*3
# limit: 120
set -eu
mkdir tree
seq 200000 >tree/numbers
head -c 3000000 "$ORACLE_SRC"/reader/*.c >tree/sources 2>/dev/null || :
cp "$(command -v bash)" tree/binary
ln -s numbers tree/link
export XZ_OPT=-T2 GZIP_OPT=
for how in --gzip --xz --bzip2; do
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c $how -f "t$how" tree
	mkdir "out$how"
	tar -x -f "t$how" -C "out$how"
	cmp tree/numbers "out$how/tree/numbers"
	tar -d -f "t$how" && echo "same $how"
done
xz -T2 -1 --block-size=200KiB -k -c tree/sources >sources.xz
xz -T2 -dc sources.xz | cmp - tree/sources
xz -t --verbose --verbose sources.xz 2>/dev/null
gzip -9 -n -k tree/numbers
gzip -t tree/numbers.gz
tail -c 1000 sources.xz >cut.xz
for tool in xz gzip bzip2; do
	status=0
	$tool -dc cut.xz 2>/dev/null >cut.out || status=$?
	echo "$tool refuses with $status"
done
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c tree | head -c 100000 >cut.tar || :
tar -tf cut.tar 2>&1 | tail -n 2
