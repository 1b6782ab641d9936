#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The README's tables of settings and commands say what the programs say:
# every LIBPROF_ variable is in `prof help run` and in the
# README, every command of `prof help` too, and neither has one more.
# shellcheck source=lib.sh
. "$SRC/tests/e2e/lib.sh"

readme=$SRC/README.md
"$PROF" help >all || fail "prof help: status $?"
"$PROF" help run >options || fail "prof help run: status $?"
check test -s "$readme"

sed -n 's/^[[:space:]]*X([a-z_]*, \([A-Z_]*\), .*/\1/p' "$SRC/include/prof_settings.h" | sort >settings
check test "$(wc -l <settings)" -ge 15
grep -o '^| *`\?LIBPROF_[A-Z_]*`\?\(, `\?LIBPROF_[A-Z_]*`\?\)*' "$readme" | grep -o 'LIBPROF_[A-Z_]*' |
	sed 's/^LIBPROF_//' | sort -u >in-readme
diff settings in-readme >differ || fail "settings (<) and README's table (>): $(cat differ)"
while read -r name; do
	option=--$(echo "$name" | tr 'A-Z_' 'a-z-')
	grep -q -- "$option\b" options || fail "prof help run has no $option"
done <settings

sed -n 's/^  \([a-z]\{3,\}\)\b.*/\1/p' all | grep -v '^help$' | sort -u >commands
for command in run report folded json dump check; do
	grep -qx "$command" commands || fail "prof help does not list $command: $(cat all)"
	grep -q "^| *\`\(prof \)\?$command\b" "$readme" || fail "README's table has no $command"
	"$PROF" help "$command" >one || fail "prof help $command: status $?"
	check test "$(wc -l <one)" -ge 3
done
while read -r command; do
	grep -q "^| *\`\(prof \)\?$command\b" "$readme" || fail "README's table has no $command, prof help has"
done <commands
version=$(sed -n 's/^#define PROF_VERSION "\([^"]*\)".*/\1/p' "$SRC/include/prof_format.h")
"$PROF" --version | grep -qF "$version" || fail "prof --version: $("$PROF" --version)"
for option in --metric --thread --threads --processes --from --to --focus --ignore --hide --lines --symfs \
	--debug-dir; do
	"$PROF" help folded | grep -q -- "$option\b" || fail "prof help folded has no $option"
	grep -q -- "$option\b" "$readme" || fail "README does not name $option"
done
