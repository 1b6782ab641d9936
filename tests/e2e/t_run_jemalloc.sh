#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# prof run --heap jemalloc: the distribution's jemalloc behind our library, with
# its profiling on at the power of two next to the mean asked for.
. "$SRC/tests/e2e/lib.sh"

ls /usr/lib/*/libjemalloc.so.2 >/dev/null 2>&1 || skip "libjemalloc2 is not installed"

# conf BYTES: MALLOC_CONF as the program sees it.
conf() {
	MALLOC_CONF=narenas:2 expect 0 "$PROF" run --heap jemalloc --heap-bytes "$1" \
		sh -c 'echo "$MALLOC_CONF"; echo "$LD_PRELOAD" >&2'
	cat out
}
for pair in 1:12 4096:12 64K:16 100K:17 512K:19 1T:40; do
	[ "$(conf "${pair%:*}")" = "narenas:2,prof:true,prof_active:true,lg_prof_sample:${pair#*:}" ] ||
		fail "for ${pair%:*}: $(cat out)"
	check grep -Eq '^/.*/libprof.so:/.*/libjemalloc.so.2$' err
done

expect 0 "$PROF" run --heap jemalloc -o traces "$W/w_sites"
check "$PROF" report traces >report
check grep -qi jemalloc report
