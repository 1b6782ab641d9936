# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What end-to-end tests written in shell share.  Sourced first; the runner has
# set SRC, BUILD, LIB, PROF and W.
set -eu
: "${SRC:?}" "${BUILD:?}" "${LIB:?}" "${PROF:?}" "${W:?}"

fail() {
	printf '%s\n' "$*"
	exit 1
}

skip() {
	printf '%s\n' "$*"
	exit 77
}

# check COMMAND...: fails, saying so, unless the command succeeds.
check() {
	"$@" || fail "failed: $*"
}

# expect STATUS COMMAND...: the command's output goes to ./out and ./err.
expect() {
	local wanted=$1 got=0
	shift
	"$@" >out 2>err || got=$?
	[ "$got" = "$wanted" ] || fail "status $got, wanted $wanted: $* $(tail -n 5 out err)"
}
