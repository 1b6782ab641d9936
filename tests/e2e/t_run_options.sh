#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# prof run's options reach the library as variables, bad values are named, and
# what the program is given and gives back is as without prof.
. "$SRC/tests/e2e/lib.sh"

# bad TEXT OPTION...: status 125, the text in the message, nothing run.
bad() {
	local text=$1
	shift
	expect 125 "$PROF" run "$@" touch ran
	check grep -q -- "$text" err
	[ ! -e ran ] || fail "ran with $*"
}
bad '--cpu-hz 0: allowed is 1 to 10000' --cpu-hz 0
bad '--heap-bytes 5X: allowed is 1 to 1T' --heap-bytes 5X
bad '--heap maybe: allowed is one of auto,program,jemalloc,totals,off' --heap=maybe
bad 'Unknown option --nonsense' --nonsense
bad 'cannot be written\|cannot be made' -o /dev/null
LIBPROF_FLUSH_MS=5 bad 'LIBPROF_FLUSH_MS=5: allowed is 10 to 60000'
expect 125 "$PROF" run
check grep -q 'which program' err

# Every setting is an option, and each arrives.
"$PROF" run --help >help
for name in $(sed -n 's/^\tX([a-z_]*, \([A-Z_]*\), .*/\1/p' "$SRC/include/prof_settings.h"); do
	option=$(printf '%s' "$name" | tr 'A-Z_' 'a-z-')
	check grep -q -- "--$option=" help
	value=$(sed -n "s/^\tX([a-z_]*, $name, [A-Z]*, \"\([^\"]*\)\".*/\1/p" "$SRC/include/prof_settings.h")
	expect 0 "$PROF" run "--$option" "$value" env
	check grep -qxF "LIBPROF_$name=$value" out
done

# Arguments, status and streams are the program's; a program's -x is not prof's.
expect 7 "$PROF" run -- sh -c 'cat; echo "$0|$1"; exit 7' 'a b' -o <<<'in'
[ "$(cat out)" = $'in\na b|-o' ] || fail "output: $(cat out)"
expect 137 "$PROF" run sh -c 'kill -9 $$'

# An LD_PRELOAD that is set stays, behind ours; ours is named once.
LD_PRELOAD="libm.so.6 $LIB" expect 0 "$PROF" run sh -c 'echo "$LD_PRELOAD"'
[ "$(cat out)" = "$LIB:libm.so.6" ] || fail "LD_PRELOAD is $(cat out)"

# A script without a first line is the shell's, as for execvp.
echo 'exit 9' >plain && chmod +x plain
expect 9 "$PROF" run ./plain

# Two places for one trace, and a program that is not to be profiled.
expect 125 "$PROF" run -o q1 --out=q2 touch was-run
check grep -q -- '-o and --out' err
[ ! -e was-run ] && [ ! -e q1 ] || fail "-o and --out: something was done"
expect 0 "$PROF" run --programs='x*' true
check grep -q -- 'no trace was made: .*--programs' err
