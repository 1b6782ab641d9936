#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The runner itself: what passes, fails, skips, hangs and leaves files behind.
# shellcheck source=lib.sh
. "$SRC/tests/e2e/lib.sh"
unset CHECK_LONG CHECK_RESULTS # of the run that this test is part of

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

# How often tests fail by chance: the rates of those that ran are added up, and less than 1e-4.
before_last() { tail -n 2 out | head -n 1; }
expect 0 run t_pass
before_last | grep -q '^false failures: 0.0e+00 ' || fail "no rate: $(before_last)"
printf '# A test.\n#\n# false: 4e-5\n# false-long: 6e-5\n# long: 5\ntrue\n' >some/t_draws.sh
printf '#!/usr/bin/python3\n"""%02100d\n\nfalse: 3e-5\nlong: 5\n"""\n' 0 >some/t_sums.py
printf '# false: 9e-5\nexit 77\n' >some/t_not_here.sh
expect 0 run t_draws t_sums t_not_here
before_last | grep -q '^false failures: 7.0e-05 of runs at most, stated by 2 tests;' ||
	fail "sum: $(before_last)"
expect 0 run --long t_draws t_sums
before_last | grep -q '^false failures: 9.0e-05 ' || fail "long: $(before_last)"
printf '# false: 3e-5\n' >some/t_more.sh
expect 1 run t_draws t_sums t_more
grep -qx 'FAIL rate of false failures' out || fail "1e-4 is not too much: $(cat out)"
tail -n 1 out | grep -qx 'tests: 3 passed, 1 failed, 0 skipped' || fail "rates: $(tail -n 1 out)"
printf '# false: seldom\n' >some/t_more.sh
expect 1 run t_more
grep -q 'false: seldom: no rate' err || fail "no rate: $(cat err)"
rm some/t_more.sh

# Who bounds what samples say states a rate.
grep -lE '\b(check_share|check_heap|poisson_bound)\b|binomial' "$SRC"/tests/{e2e,oracle,storms,faults,truth}/t_* |
	grep -v t_runner | xargs grep -LE '^(# )?false: [0-9.]+e-[0-9]+$' >silent || true
[ ! -s silent ] || fail "no line 'false: RATE': $(cat silent)"

# Before that line: what each group took.
printf 'sleep 1\n' >some/t_slow.sh
expect 0 run t_slow
tail -n 3 out | grep -qE '^seconds: some 1 \(2 at a time, 1 by the clock\)$' || fail "seconds: $(tail -n 3 out)"

# For the tables: what was tested, and what was left out and why.
export CHECK_RESULTS=$PWD/results
expect 0 run t_pass t_skip
[ "$(wc -l <results)" = 2 ] || fail "results: $(cat results)"
table() { "$SRC/scripts/results-table" truth results; }
check grep -q '"part": "left out".*because' results
expect 0 table
check grep -qE '^of commit [0-9a-f]{7,}(-dirty)?;|^of commit unknown;' out
check grep -qxF '| the whole test | because | t_skip |' out
echo '{"part": "nonsense", "what": "", "load": "", "found": "", "test": ""}' >>results
expect 1 table

# What header comments may say is in the help, and the files that they name are there.
run --help >help
for key in $(grep -oE 'header\(src, "[a-z-]+"' "$SRC/tests/run" | cut -d'"' -f2); do
	grep -q "^  $key: " help || fail "not in tests/run --help: $key"
done
cd "$SRC" || exit 1
python3 - tests/{e2e,oracle,storms,faults,truth}/t_* scripts/results-table >"$TMPDIR/comments" <<'END'
import re, sys
for path in sys.argv[1:]:
    print(re.match(r'(?:#[^\n]*\n)*(?:""".*?""")?', open(path).read(), re.S)[0])
END
for name in $(grep -oE '\b(tests|scripts|reader|preload)/[a-zA-Z0-9_./-]*[a-zA-Z0-9_/]' "$TMPDIR/comments" | sort -u); do
	[ -e "$name" ] || fail "a header comment names $name"
done
for name in $(grep -oE '\bt_[a-z0-9_]+\.(py|sh)' "$TMPDIR/comments" | sort -u); do
	ls tests/*/"$name" >/dev/null 2>&1 || fail "a header comment names $name"
done
