#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clocks: a time namespace whose CLOCK_MONOTONIC is far from the kernel's own, which is
perf's; a preloaded library, before ours and after, under whose hands every clock of
libc's jumps by an hour and back.  (The machine's clock is not stepped here; ours is
CLOCK_MONOTONIC, which a step of CLOCK_REALTIME does not move, and is read through
neither libc nor the program's symbols.)

limit: 120
long: 300
"""
from lib import *

SHIM = W / "p_clock.so"


def looks_right(trace, ran, what):
    """Times are those of a run of a second or so, CPU totals the program's own."""
    prof("check", trace)
    p = Profile(trace)
    check(p.count(is_sampled) > 5, what, "samples", p.count(is_sampled))
    check(0 <= p.process["first_ns"] <= p.process["last_ns"] < 60e9, what, "times",
          p.process["first_ns"], p.process["last_ns"])
    for tid, name, cpu_ns in ran.rows("thread")[:-1]:
        near(p.thread(tid)["cpu_ns"], cpu_ns, 0.01, f"{what} cpu of {name}", 2e6)
        thread = p.thread(tid)
        check(0 <= thread["start_ns"] <= thread["end_ns"] < 60e9, what, name, thread["start_ns"],
              thread["end_ns"])


tried, refused = [], not ROOT
for user in users():
    for engine in ENGINES:
        setting = dict(cpu=engine, cpu_hz=999, heap_bytes=1)
        program = [user.file(W / "w_threads"), 100]
        for where in ("before", "after"):
            out = f"jumps-{where}-{engine}"
            env = preload(user, out=out, **setting)
            shim, lib = user.file(SHIM), env["LD_PRELOAD"]
            env["LD_PRELOAD"] = f"{shim}:{lib}" if where == "before" else f"{lib}:{shim}"
            ran = run(program, user, env)
            check(ran.status == 0 and not ran.err and len(ran.rows("thread")) == 5, out, ran.err)
            looks_right(user.home / out, ran, f"{user.name} {out}:")
        tried.append(engine)
        if not ROOT:
            continue
        for offset in (1000000, 5):
            out = f"namespace-{offset}-{engine}"
            inside = ["unshare", "-T", "--monotonic", offset, "--boottime", offset, "--fork"]
            if run([*inside, "true"]).status:
                refused = True
                continue
            ran = run([*inside, *words(program, user, preload(user, out=out, **setting))],
                      cwd=user.home)
            check(ran.status == 0 and not ran.err, out, ran.status, ran.err)
            looks_right(user.home / out, ran, f"{user.name} {out}:")
            tried.append(offset)
measured("faults", "clocks: time namespaces 5 s and 11 days off, libc's clocks jumping by an hour",
         f"{len(tried)} runs, both engines, root and nobody",
         "unchanged, traces valid, CPU totals within 1 %, all times within the run")
if refused:
    skip("no time namespace to be had; the rest passed")
