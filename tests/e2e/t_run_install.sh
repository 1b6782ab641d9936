#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make install: the literal LD_PRELOAD=libprof.so works from any directory and
# the installed prof finds its library; uninstall leaves nothing.  The real
# /usr/local and /etc are covered by file systems in memory meanwhile.
. "$SRC/tests/e2e/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL # of a make that runs the tests
[ "$BUILD" = "$SRC/build" ] || skip "not the build directory that make install takes from"
make -s -C "$SRC" install DESTDIR="$PWD/stage" prefix=/opt/p >out 2>&1 || fail "$(cat out)"
[ "$(find stage -type f | sort | tr '\n' ' ')" = \
	"stage/opt/p/bin/prof stage/opt/p/include/libprof.h stage/opt/p/lib/libprof.so " ] ||
	fail "installed: $(find stage -type f)"
expect 0 stage/opt/p/bin/prof run sh -c 'echo "$LD_PRELOAD"'
[ "$(cat out)" = "$PWD/stage/opt/p/lib/libprof.so" ] || fail "found $(cat out)"

unshare -m true 2>/dev/null || skip "no mount namespace here: ldconfig was not tried"
cat >inside.sh <<'END'
set -eu
mount -t tmpfs none /mnt
mkdir /mnt/up /mnt/work
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work none /etc || exit 77
mount -t tmpfs none /usr/local
make -s -C "$SRC" install
cd /
LIBPROF_OUT=/mnt/trace LD_PRELOAD=libprof.so "$W/w_mini" 0
test -d /mnt/trace
/usr/local/bin/prof report /mnt/trace >/dev/null
make -s -C "$SRC" uninstall
test -z "$(find /usr/local -type f)"
END
status=0
unshare -m bash inside.sh >out 2>&1 || status=$?
[ $status != 77 ] || skip "no overlay file system here: ldconfig was not tried"
[ $status = 0 ] || fail "status $status: $(cat out)"
