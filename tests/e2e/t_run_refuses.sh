#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# prof run says why it cannot profile a program, and then runs nothing.
. "$SRC/tests/e2e/lib.sh"

printf '#include <stdio.h>\nint main(void) { return !fopen("ran", "w"); }\n' >p.c
cc() { gcc p.c -o "$@" 2>cc.err || skip "gcc cannot build $1: $(tail -n 1 cc.err)"; }

# refused STATUS TEXT PROGRAM: that status, that text on stderr, no file made.
refused() {
	expect "$1" "$PROF" run "$3"
	check grep -q -- "$2" err
	[ ! -e ran ] || fail "$3 was run"
	[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
	! ls -d prof-* 2>/dev/null || fail "a trace was made"
}

cc dynamic
cc static -static
cc static-pie -static-pie
cc asan -fsanitize=address
cc asan-static -fsanitize=address -static-libasan
cc tsan -fsanitize=thread
cp dynamic arm && printf '\267\0' | dd of=arm bs=1 seek=18 conv=notrunc status=none
cp dynamic m32 && printf '\1' | dd of=m32 bs=1 seek=4 conv=notrunc status=none
printf '#!%s/static\n' "$PWD" >script
printf '#!/no/such/interpreter\n' >bad-script
touch not-executable && chmod +x script bad-script

refused 125 'statically linked' ./static
refused 125 'statically linked' ./static-pie
refused 125 'AddressSanitizer' ./asan
refused 125 'AddressSanitizer' ./asan-static
refused 125 'ThreadSanitizer' ./tsan
refused 125 'for aarch64' ./arm
refused 125 'for x32' ./m32
refused 125 'static.*statically linked' ./script
refused 126 'interpreter /no/such/interpreter: No such file' ./bad-script
refused 126 'Permission denied' ./not-executable
refused 126 'Is a directory' /tmp
refused 127 'No such file' ./missing
refused 127 'No such file' a-program-that-is-nowhere-in-path

if [ "$(id -u)" = 0 ]; then
	cp dynamic setuid && chown nobody setuid && chmod 4755 setuid
	refused 125 'setuid' ./setuid
	cp dynamic setgid && chgrp nogroup setgid && chmod 2755 setgid
	refused 125 'setgid' ./setgid
	# Nobody changes rights when they are had already, and root keeps its own.
	chown root setuid && chmod 4755 setuid
	expect 0 "$PROF" run ./setuid
	check test -e ran
fi
