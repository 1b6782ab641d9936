#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A trace can be reported on while its program runs, and says that it is open;
libprof.so's own thread and directory do not show in the program."""
import time

from lib import *

env = dict(os.environ, **preload(out="t", cpu="perf", heap_bytes=4096, flush_ms=50,
                                 segment_bytes="64K"))
proc = subprocess.Popen([W / "w_shares", "4000"], env=env, cwd=HOME, stdout=subprocess.DEVNULL)
try:
    time.sleep(1.5)
    fds = {os.readlink(f"/proc/{proc.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{proc.pid}/fd")}
    check(not any("segment" in f or "perf_event" in f for f in fds),
          "the program sees our descriptors:", fds)
    used = sum(map(int,
                   pathlib.Path(f"/proc/{proc.pid}/stat").read_text().split()[13:15])) * 10_000_000
    p = Profile("t")
    check(p.process["state"] == "open", "state", p.process["state"])
    near(p.cpu(), used, 0.1, "CPU so far", 300_000_000)
    check(p.count(lambda s: "work_half" in s) > 5, "samples so far", p.count())
    report = prof("report", "t")
    check("work_half" in report, report[:2000])
    prof("check", "t")
    again = Profile("t")
    check(again.cpu() >= p.cpu(), "it shrank")
    time.sleep(0.5)
    check(Profile("t").cpu() > p.cpu(), "it does not grow")
finally:
    proc.kill()
    proc.wait()
