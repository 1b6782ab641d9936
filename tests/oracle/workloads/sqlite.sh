#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# sqlite3: 100,000 rows in, joined, indexed, changed, rolled back, dumped.
#
# needs: sqlite3
# programs: sqlite3*3
# limit: 120
set -eu
sqlite3 -batch base.db <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, v TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
	INSERT INTO t SELECT i, i * 7919 % 1000, 'value ' || i * i FROM n;
CREATE INDEX by_k ON t (k);
SELECT k, count(*), min(v), max(length(v)) FROM t GROUP BY k ORDER BY k LIMIT 20;
SELECT count(*) FROM t a JOIN t b ON a.k = b.id WHERE b.v LIKE '%1%';
BEGIN; UPDATE t SET v = upper(v) WHERE k < 500; SELECT changes(); ROLLBACK;
BEGIN; DELETE FROM t WHERE k % 3 = 0; SELECT changes(); COMMIT;
SELECT sum(id), count(DISTINCT k) FROM t;
PRAGMA integrity_check;
SQL
sqlite3 base.db .dump | sha256sum
status=0
sqlite3 -bail base.db 'SELECT * FROM missing' 2>&1 || status=$?
echo "status $status"
rm -f base.db*
