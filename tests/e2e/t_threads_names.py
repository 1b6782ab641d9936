#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names that change, by all ways there are; threads that no pthread_create of
the program made; names with bytes that no output may pass on raw."""
from lib import *

NAMES = {"pthread": "second-name", "prctl": "by-prctl", "other": "by-other",
         "hostile": "a;b\n\x1b[31mc\"\\", "syscall": "by-syscall"}

for engine in ENGINES:
    ran, trace = work("w_rename", out=engine, cpu=engine)
    p = Profile(trace)
    for tid, kind, cpu_ns in ran.rows("thread"):
        t = p.thread(tid)
        check(kind not in NAMES or t["name"] == NAMES[kind], engine, kind, "is called",
              repr(t["name"]))
        check(kind != "bytes" or t["name"].endswith("\x01 <&>"), engine, "bytes:", repr(t["name"]))
        near(t["cpu_ns"], cpu_ns, 0.01, f"{engine} cpu of {kind}")
    for command in (["report"], ["folded", "--threads"], ["dump"], ["check"]):
        text = prof(*command, trace)
        raw = [c for c in text if (ord(c) < 32 and c not in "\n\t") or ord(c) == 127]
        check(not raw, engine, command, "lets control characters through:", raw[:5])
    for line in prof("folded", "--threads", trace).splitlines():
        root = line.split(";")[0]
        check(root.rsplit("/", 1)[-1].isdigit(), engine, "thread root", repr(root))

    ran, trace = work("w_thrd", out=engine + "-thrd", cpu=engine)
    p = Profile(trace)
    for tid, kind, cpu_ns in ran.rows("thread"):
        if kind != "thrd" and engine == "timer":
            continue  # they never call anything of ours
        t = p.thread(tid)
        check(t["name"], engine, kind, "has no name")
        if kind == "thrd":
            near(t["cpu_ns"], cpu_ns, 0.01, f"{engine} cpu of {kind}")
            check(p.frames[t["start_frame"]] == "thrd_body", engine, "start of the C11 thread:", t)
        elif engine == "perf":
            near(t["cpu_ns"], cpu_ns, 0.3, f"{engine} cpu of {kind}")  # samples alone, some ten

# While nothing is sampled perf tells nothing, and before its records are read the hooks may know more.
for what, settings in (("never sampled", {"delay_ms": 600_000}), ("read late", {"cpu_hz": 9})):
    ran, trace = work("w_rename", out=what, cpu="perf", **settings)
    p = Profile(trace)
    for tid, kind, _ in ran.rows("thread"):
        check(kind not in NAMES or p.thread(tid)["name"] == NAMES[kind], what + ":", kind,
              "is called", repr(p.thread(tid)["name"]))
