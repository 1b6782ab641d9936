#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# sqlite3: 100,000 rows, indexes, joins, a window, JSON, full text, a write-ahead log
# with a second process that reads, vacuum and an integrity check.
#
# programs: sqlite3*3
# needs: sqlite3
sqlite3 base.db <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO t SELECT i, (i * 7919) % 10007, printf('row %d', i) FROM n;
CREATE INDEX ta ON t(a);
SELECT count(*), sum(a), max(b) FROM t;
SELECT a, count(*) FROM t GROUP BY a ORDER BY 2 DESC, 1 LIMIT 3;
SELECT sum(x.id * y.a % 1000) FROM t x JOIN t y ON x.a = y.id WHERE x.id < 20000;
SELECT sum(r) FROM (SELECT rank() OVER (PARTITION BY a % 10 ORDER BY id) r FROM t WHERE id < 5000);
SELECT sum(json_extract(json_object('v', a, 's', b), '$.v')) FROM t WHERE id < 20000;
BEGIN; DELETE FROM t WHERE a % 3 = 0; ROLLBACK;
DELETE FROM t WHERE a % 5 = 0;
SQL
sqlite3 base.db 'SELECT count(*), sum(id) FROM t' >reader.txt &
sqlite3 base.db 'UPDATE t SET b = b || "x" WHERE a < 500; SELECT changes()'
wait
cat reader.txt
sqlite3 base.db 'PRAGMA journal_mode = DELETE; VACUUM; PRAGMA integrity_check'
sqlite3 base.db .dump | cksum
sqlite3 base.db 'SELEC' || echo "status $?"
