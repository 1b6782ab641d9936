#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# After `make install` the literal LD_PRELOAD=libprof.so works from any
# directory, prof finds the library in its install place, and `make uninstall`
# leaves nothing.  A staged install (DESTDIR) touches nothing else.
# shellcheck source=lib.sh
. "$SRC/tests/e2e/lib.sh"

make -C "$SRC" install DESTDIR="$PWD/stage" prefix=/opt/prof >out 2>&1 || fail "staged install: $(cat out)"
for file in bin/prof lib/libprof.so include/libprof.h; do
	check test -f "stage/opt/prof/$file"
done
expect 0 stage/opt/prof/bin/prof run -o staged "$W/w_mini"
check test -e staged
[ "$(id -u)" = 0 ] || skip "the rest needs root"
for file in bin/prof lib/libprof.so include/libprof.h; do
	[ ! -e "/usr/local/$file" ] || skip "/usr/local/$file is there already"
done

trap 'make -C "$SRC" uninstall prefix=/usr/local >/dev/null 2>&1' EXIT
make -C "$SRC" install prefix=/usr/local >out 2>&1 || fail "install: $(cat out)"
mkdir away
cd away || exit 1
LD_PRELOAD=libprof.so LIBPROF_OUT=literal "$W/w_frames40" 100 >out 2>err || fail "status $?: $(cat err)"
[ ! -s err ] || fail "the loader says: $(cat err)"
check prof check literal
prof folded literal | grep -q 'main;frame_39' || fail "no stacks: $(prof folded literal)"
PATH=/usr/local/bin:$PATH expect 0 prof run -o tree "$W/w_mini"
check test -e tree
printf '#include <libprof.h>\nint main(void) { return LIBPROF_FLUSH(); }\n' >api.c
check gcc -Wall -Werror api.c -o api
check ./api
cd "$SRC" || exit 1
make -C "$SRC" uninstall prefix=/usr/local >"$TMPDIR/out" 2>&1 || fail "uninstall: $(cat "$TMPDIR/out")"
for file in bin/prof lib/libprof.so include/libprof.h; do
	[ ! -e "/usr/local/$file" ] || fail "uninstall leaves /usr/local/$file"
done
