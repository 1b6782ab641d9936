#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The runner itself: what passes, fails, skips, hangs and leaves files behind.
# shellcheck source=lib.sh
. "$SRC/tests/e2e/lib.sh"

mkdir some
echo 'echo fine >left; test -n "$W"' >some/t_pass.sh
echo 'import sys; print("because"); sys.exit(77)' >some/t_skip.py
echo 'echo reason; exit 3' >some/t_fail.sh
printf '# limit: 1\necho begun; sleep 20\n' >some/t_hang.sh
run() { "$SRC/tests/run" --e2e --scripts "$PWD/some" "$@"; }

expect 1 run
tail -n 1 out | grep -qx 'tests: 1 passed, 2 failed, 1 skipped' || fail "last line: $(tail -n 1 out)"
grep -q '^skip some/t_skip (.*): because$' out || fail "the skip's reason: $(cat out)"
grep -q 'no end after 1 s' out || fail "the hang: $(cat out)"
sed -n 's/^ *| left in //p' out >left
check test "$(wc -l <left)" = 2
xargs rm -r <left
expect 0 run t_pass t_skip -j 1
tail -n 1 out | grep -qx 'tests: 1 passed, 0 failed, 1 skipped' || fail "last line: $(tail -n 1 out)"
[ -z "$(ls -d "$TMPDIR"/prof-test-* 2>/dev/null)" ] || fail "left behind: $(ls -d "$TMPDIR"/prof-test-*)"
expect 0 run --list
check test "$(wc -l <out)" = 4
expect 1 run no-such-test

# The long form: scripts with a `long:` line, with CHECK_LONG set; `only: long` has no short one.
printf '# long: 5\n# only: long\ntest -n "$CHECK_LONG"\n' >some/t_long.sh
expect 0 run --list
check test "$(wc -l <out)" = 4
expect 0 run --long
tail -n 1 out | grep -qx 'tests: 1 passed, 0 failed, 0 skipped' || fail "long: $(tail -n 1 out)"
