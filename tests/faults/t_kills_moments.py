#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at the moments where files come and go: while the program starts, while it
ends, while tiny segments follow one another.  Every segment that has a name opens,
whatever was cut, and check says of every trace whether its end is there.

limit: 60
long: 900
"""
import random

from kills import *

need("lz4")
SEED = random.randrange(1 << 30)
random.seed(SEED)
note("seed", SEED)


def opens(log):
    """The number of traces; each state is what its files say."""
    dirs = traces(f"{log}.d")
    for trace in dirs:
        opened(trace)
    left = [str(f) for f in pathlib.Path(f"{log}.d").rglob("*") if f.is_file()
            and f not in segments(f.parent)]
    # a segment without a name yet is the only other thing there may be
    check(all(f.endswith(".new") for f in left), "files left:", left)
    remove(log)
    return len(dirs)


def kills(what, count, args, between, **values):
    found = by_itself = 0
    for i in range(count):
        log = HOME / f"log-{time.monotonic_ns()}"
        proc = start(log, *args, cpu=ENGINES[i % 2], **values)
        time.sleep(random.uniform(*between))
        proc.kill()
        status = proc.wait()
        check(status in (-signal.SIGKILL, 21), what, "status", status)
        by_itself += status == 21
        found += opens(log)
    check(found, what, "no kill of", count, "left a trace")
    measured("kills", f"SIGKILL {what}", f"{count} kills at {between[0] * 1e3:g}.."
             f"{between[1] * 1e3:g} ms, {by_itself} of them too late",
             f"{found} traces, all open")


kills("at start-up", 400 if LONG else 16, ["single"], (0.001, 0.03), flush_ms=10)
kills("at the end", 200 if LONG else 10, ["threads", "exit", "30"], (0.03, 0.09))
kills("while segments rotate", 200 if LONG else 6, ["single"], (0.05, 0.3), flush_ms=10,
      segment_bytes="64K", limit_bytes="256K")
