#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# prof run finds the traces it made, those of children too, keeps them together
# with -o, and the command it names at the end works.
. "$SRC/tests/e2e/lib.sh"

# last_line: the one line prof adds to the program's stderr.
last_line() {
	tail -n 1 err
}

expect 0 "$PROF" run --cpu-hz 999 "$W/w_shares" 300
[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
last_line | grep -Eq '^prof: [1-9][0-9]+ CPU samples and [0-9]+ heap events in 1 trace; next: prof report prof-w_shares-[0-9]+$' ||
	fail "last line: $(last_line)"
next=$(last_line | sed 's/.*next: prof //')
# shellcheck disable=SC2086 # words
check "$PROF" $next >report
check grep -q work_half report

# A tree of processes: a directory made as needed, one trace each.
expect 0 "$PROF" run -o 'made/here 100%' sh -c "$W/w_shares 100; $W/w_shares 100; :"
count=$(find 'made/here 100%' -name 'w_shares-*' -type d | wc -l)
[ "$count" = 2 ] || fail "$count traces of w_shares: $(ls made/*)"
last_line | grep -Eq "in [23] traces; next: prof report '.*/made/here 100%'\$" ||
	fail "last line: $(last_line)"
[ "$(stat -c %a 'made/here 100%')" = 700 ] || fail "mode of -o"
check "$PROF" report 'made/here 100%' >report

# Another run in the same directory is not counted as ours.
"$PROF" run "$W/w_shares" 800 2>other.err >other.out &
expect 0 "$PROF" run "$W/w_shares" 100
wait $!
last_line | grep -q 'in 1 trace;' || fail "last line: $(last_line)"
grep -q 'in 1 trace;' other.err || fail "last line of the other: $(cat other.err)"

# A name of its own, twice: the second directory gets a number.
expect 0 "$PROF" run --out mine "$W/w_shares" 50
last_line | grep -q 'prof report mine$' || fail "last line: $(last_line)"
expect 0 "$PROF" run --out mine "$W/w_shares" 50
last_line | grep -q 'prof report mine.2$' || fail "last line: $(last_line)"
