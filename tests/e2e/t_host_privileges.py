#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Changes of user and group in a profiled process: setpriv, which keeps
capabilities over setresuid as daemons do, runs the same, and so does what it
starts; a set-uid program is left alone by the loader."""
from lib import *

if not ROOT:
    skip("needs root")
nobody = users()[1]
nobody.home.chmod(0o777)  # root without capabilities writes here too
for engine in ENGINES:
    env = preload(nobody, out=nobody.home / f"{engine}-%e", cpu=engine)
    for options in (NOBODY[1:], ["--reuid=nobody", "--clear-groups"],
                    ["--no-new-privs", "--bounding-set=-all"],
                    ["--reuid=65534", "--regid=65534", "--init-groups", "--inh-caps=+net_raw",
                     "--ambient-caps=+net_raw"]):
        command = ["setpriv", *options, nobody.file(W / "w_setuid"
                                                    if "--no-new-privs" in options
                                                    else W / "w_threads"), "10"]
        names = lambda r: (r.status, r.err, [row[1:2] for row in r.rows("thread")], r.rows("ids"))
        bare, ran = run(command), run(command, env=env)
        check(names(ran) == names(bare), engine, options, "profiled", names(ran), "bare",
              names(bare))
    check(Profile(nobody.home / f"{engine}-setpriv").process["state"] in ("exec", "exit"),
          "trace of setpriv itself")
# A daemon that gives up its rights can make no file beside the first: that one goes on,
# up to the limit of the whole.
script = """import os
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for i in range(120000): bytes(10000)
"""
private = HOME / "private"
private.mkdir(mode=0o700)
for limit in ("1G", "512K"):
    env = preload(out=private / f"daemon-{limit}", heap_bytes=1, segment_bytes="64K", flush_ms=50,
                  limit_bytes=limit)
    ran = run(["/usr/bin/python3", "-c", script], env=env)
    trace = private / f"daemon-{limit}"
    p = Profile(trace)
    size = sum(s.stat().st_size for s in segments(trace))
    check(ran.status == 0, "daemon: status", ran.status, ran.err.decode())
    if limit == "1G":
        recorded = sum(row["alloc_n"] for *_, row in p.rows("heap"))
        calls = sum(t["alloc_calls"] for t in p.threads)
        check(size > 600000 and p.losses["write_failed"] == 0 and p.process["state"] == "exit",
              "daemon:", size, "bytes,", p.process["state"], p.losses)
        check(recorded + p.losses["heap_ring_full"] == calls > 120000, "daemon: recorded", recorded,
              "of", calls, p.losses)
    else:
        check(size < 900000 and p.losses["write_failed"] > 0, "daemon with a limit of", limit,
              "has written", size, p.losses)
        check(p.process["state"] == "write_failed", "state", p.process["state"])

own = nobody.home / "own"
shutil.copy(W / "w_mini", own)
own.chmod(0o4755)
ran = run([own, 3], nobody, preload(nobody, out=nobody.home / "never"))
check(ran.status == 3 and not (nobody.home / "never").exists(), "a set-uid program:", ran.status,
      ran.err)
