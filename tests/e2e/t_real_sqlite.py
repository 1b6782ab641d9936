#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's sqlite3 on a recursive query of about a second: the interpreter of
its virtual machine is where the time goes, under both engines, as root and as
an ordinary user; answers are the same.

limit: 180
"""
from lib import *

need("sqlite3")
QUERY = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
         "SELECT count(*), sum(i*i %% 7), max(length(hex(i))) FROM n;")

for user in users():
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        command = ["/usr/bin/sqlite3", ":memory:", QUERY % 2_000_000]
        bare = run(command, user)
        ran = run(command, user, preload(user, out=engine, cpu=engine, cpu_hz=499,
                                         heap_bytes="16K"))
        same(bare, ran, what)
        p = Profile(user.home / engine)
        check(p.cpu() > 300e6 and p.count(is_sampled) > 60, what, "CPU", p.cpu(), "samples",
              p.count(is_sampled))
        check_named(p)
        check_whole(p, root=p.frames, what=what)
        vdbe = [ns for _, s, _, ns in p.stacks() if any("sqlite3" in f for f in s)]
        check(sum(vdbe) > 0.8 * p.cpu(), what, "below sqlite3's functions:", sum(vdbe), "of",
              p.cpu())
        modules = {m["path"].rsplit("/", 1)[-1].split(".so")[0] for m in p.raw["modules"]}
        check({"sqlite3", "libsqlite3", "libc"} <= modules, what, "modules", modules)
        folded = prof("folded", user.home / engine)
        check("libsqlite3" in folded or "sqlite3_step" in folded, what, folded[:800])
        check("_start" in folded or "main" in folded, what, "no root function:", folded[:500])
        top = max(p.stacks(), key=lambda r: r[3])[1]
        check(any(f.startswith("sqlite3_") or "!fn_" in f for f in top), what, "the hottest stack:",
              top)
        check(sum(r["alloc_space"] for _, _, r in p.rows("heap")) > 1e5, what, "no heap of it")
        report = prof("report", user.home / engine)
        check("sqlite3" in report and "libsqlite3" in report, what, report[:1500])
