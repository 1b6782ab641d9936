#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each thread's CPU total equals its own clock within 1 %, in both engines, as
root and as an ordinary user; names, creators and start routines are there."""
from lib import *

for user in users():
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        ran, trace = work("w_threads", 300, user=user, out=engine, cpu=engine)
        p = Profile(trace)
        main = p.thread(ran.rows("thread")[-1][0])
        for tid, name, cpu_ns in ran.rows("thread"):
            t = p.thread(tid)
            check(t["name"] == name, what, "thread", tid, "is called", t["name"], "not", name)
            # main's is counted from main() to when it is printed: its end is not in it
            near(t["cpu_ns"], cpu_ns, 0.01, f"{what} cpu of {name}", 3_000_000 if t is main else 0)
            near(sum(ns for th, *_, ns in p.stacks() if th is t), t["cpu_ns"], 0.001,
                 f"{what} stacks of {name}", 1)
            if t is main:
                continue
            check(t["creator"] is not None and p.threads[t["creator"]] is main, what, "creator of",
                  name, t["creator"])
            check("create_workers" in p.stack(t["creator_stack"]), what, "creation stack:",
                  p.stack(t["creator_stack"]))
            check(p.frames[t["start_frame"]] == "thread_body", what, "start routine:",
                  t["start_frame"])
            # libc, too, works on the thread before and after: a sample may meet it there
            own = [(s[:3], n) for th, s, n, _ in p.stacks() if th is t and is_sampled(s)]
            libcs = [(root, n) for root, n in own if "thread_body" not in root]
            check(len(libcs) <= len(own) - bool(own) and sum(n for _, n in libcs) <= 2 and
                  all("start_thread" in root for root, _ in libcs), what, "roots of", name, own)
        check_named(p)
