#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's python3 with threads and extension modules: hashing, compressing
and a database, each in a thread with a name, each thread's time in its own
library; output the same.

Of 75 samples of a thread and more, 60 % are in its library (the database: 30 %) where 85 % (65 %)
of its time is: fewer by chance with a probability of 5e-8 in all twelve threads.

false: 5e-8
"""
from lib import *

need("/usr/bin/python3")
SCRIPT = """
import hashlib, sqlite3, threading, time, zlib, ctypes
libc = ctypes.CDLL(None)
def named(name, body):
    def run():
        libc.prctl(15, name.encode(), 0, 0, 0)
        end = time.thread_time() + 0.3
        while time.thread_time() < end:
            body()
    return threading.Thread(target=run)
data = bytes(range(256)) * 4000
def database():
    db = sqlite3.connect(":memory:")
    db.execute("create table t(a, b)")
    db.executemany("insert into t values(?, ?)", ((i, i * i) for i in range(3000)))
    assert db.execute("select count(*), sum(a) from t where b % 2").fetchone() == (1500, 2250000)
threads = [named("hash", lambda: hashlib.sha256(data).digest()),
           named("deflate", lambda: zlib.compress(data, 6)),
           named("database", database)]
for t in threads: t.start()
for t in threads: t.join()
print("sum", hashlib.sha256(data).hexdigest(), zlib.crc32(data))
"""
LIBRARY = {"hash": "libcrypto", "deflate": "libz", "database": "libsqlite3"}

for user in users():
    bare = run(["/usr/bin/python3", "-I", "-c", SCRIPT], user)
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        ran = run(["/usr/bin/python3", "-I", "-c", SCRIPT], user,
                  preload(user, out=engine, cpu=engine, cpu_hz=499, stack_bytes=65528))
        same(bare, ran, what)
        p = Profile(user.home / engine)
        check_named(p)
        check_whole(p, 0.95, root=p.frames, what=what)
        for name, library in LIBRARY.items():
            t, = [t for t in p.threads if t["name"] == name]
            near(t["cpu_ns"], 300e6, 0.1, f"{what} cpu of {name}", 60_000_000)
            inside = 0
            for row in p.raw["samples"]:
                at, hit = row["stack"], False
                while p.threads[row["thread"]] is t and at is not None and not hit:
                    module = p.raw["frames"][p.raw["stacks"][at]["frame"]]["module"]
                    hit = module is not None and library in p.raw["modules"][module]["path"]
                    at = p.raw["stacks"][at]["parent"]
                inside += row["cpu_ns"] * hit
            check(inside > (0.6 if name != "database" else 0.3) * t["cpu_ns"], what, name, "in",
                  library, inside, "of",
                  t["cpu_ns"])
        names = {f["name"] for f in p.raw["functions"]}
        check(any("PyEval" in n for n in names), what, "no interpreter function among",
              sorted(names)[:20])
