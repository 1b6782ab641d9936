#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program's own signals: its SIGPROF and interval timer work, no call of it
is interrupted by us, what it sends arrives.  In the normal mode no thread of
the program ever gets a signal from us."""
from lib import *

bare = run([W / "w_signals", "sigprof"])
for engine in ENGINES:
    ran, trace = work("w_signals", "sigprof", out=engine + "-own", cpu=engine)
    ticks, = ran.rows("ticks")[0]
    check(ran.lines[:2] == bare.lines[:2], engine, "SIGPROF as the program sees it:", ran.lines[:2])
    # 300 ms of its own; the timer also counts what others of the process use
    check(15 <= ticks <= 90, engine, "ticks of its own timer:", ticks, "bare", bare.rows("ticks"))
    p = Profile(trace)
    near(p.cpu(), 300e6, 0.1, engine + " cpu")
    if engine == "timer":
        check(any("SIGPROF" in e["text"] for e in p.events), "nobody says why there are no samples",
              p.events)
    ran, _ = work("w_signals", "sigset", out=engine + "-sigset", cpu=engine)
    same(run([W / "w_signals", "sigset"]), ran, engine + " sigset:")
    ran, trace = work("w_signals", out=engine, cpu=engine, cpu_hz=999)
    (eintr, _, arrived), = ran.rows("eintr")
    check(arrived == 1, engine, "its own signal did not arrive")
    check(eintr <= (0 if engine == "perf" else 3), engine, eintr, "calls were interrupted")
for sig in ("PROF", "USR1", "TERM"):
    ran = run(["env", "--ignore-signal=" + sig, "--", W / "w_fds"],
              env=preload(out="ign" + sig, cpu="timer"))
    same(run(["env", "--ignore-signal=" + sig, "--", W / "w_fds"]), ran,
         f"SIG{sig} ignored at start:")

# A forked child has no timers; what it finds of SIGPROF is what its parent had asked for.
CHILD = """
import ctypes, os, sys
act, libc = (ctypes.c_ulong * 40)(), ctypes.CDLL(None)
if os.fork() == 0:
    libc.sigaction(27, None, act)
    os._exit(act[0] and 9)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
for children in (0, 1):
    ran = run(["python3", "-c", CHILD], env=preload(out=f"fork{children}", cpu="timer",
                                                    children=children))
    check(ran.status == 0, "a forked child sees a handler of SIGPROF that is not its own:",
          ran.status)
