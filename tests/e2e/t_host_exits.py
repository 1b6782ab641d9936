#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every way to end: status, output and signal are the program's, the end is
not delayed, and what was recorded before is in the trace (all of it; death by a
signal may cost what was not yet flushed)."""
import time

from lib import *

for engine in ENGINES:
    for how in ("return", "exit", "_exit", "quick_exit", "abort", "signal", "kill", "threads",
                "many", "handler"):
        late = 9
        for attempt in range(4):  # an end waits 0.2 s at most; one of four is on time
            times = [time.monotonic()]
            bare = run([W / "w_exits", how])
            times.append(time.monotonic())
            ran, trace = work("w_exits", how, out=f"{engine}-{how}-{attempt}", status=None,
                              cpu=engine, heap_bytes="16K", flush_ms=50)
            late = min(late, time.monotonic() - times[1] - (times[1] - times[0]))
            same(bare, ran, f"{how} under {engine}:")
            if late < 0.5:
                break
        check(late < 0.5, how, engine, f"ended {late:.2f} s later")
        p = Profile(trace)
        # with exit() from many threads, one may end the process while another
        # is still running the handlers: so it is in glibc
        killed = how in ("abort", "signal", "kill", "many")
        check(p.cpu() > (50e6 if killed else 145e6), how, engine, "CPU time recorded:", p.cpu())
        check(p.cpu("before_exit") > (40e6 if killed else 100e6), how, engine, p.cpu("before_exit"))
        check(p.site("before_exit")["alloc_space"] > 2e6, how, engine, "heap:",
              p.site("before_exit"))
        prof("check", trace)

    bare = run([W / "w_pthread_exit"])
    ran, trace = work("w_pthread_exit", out=engine + "-pthread_exit", cpu=engine)
    strip = lambda r: [line for line in r.lines if line[:1] != ["worker"]]
    check(strip(bare) == strip(ran), "pthread_exit: output differs", ran.out[-500:])
    (tid, cpu_ns), = ran.rows("worker")
    p = Profile(trace)
    near(p.thread(tid)["cpu_ns"], cpu_ns, 0.01, "cpu of the worker after main", 500_000)
    check(p.count(lambda s: "worker_after_main" in s and is_sampled(s)) > 5, engine,
          "no samples after main has gone")

    # The process's clock holds what ran on it before the exec; the trace does not, also when
    # main's place in the table has gone to another thread.
    def burn():
        while time.process_time() < 0.5:
            pass

    env = dict(os.environ, **preload(out=engine + "-burnt", cpu=engine, flush_ms=20))
    done = subprocess.run([W / "w_pthread_exit"], env=env, cwd=HOME, preexec_fn=burn,
                          stdout=subprocess.DEVNULL)
    cpu_ns = Profile(HOME / (engine + "-burnt")).process["clock_cpu_ns"]
    check(done.returncode == 0 and 190e6 < cpu_ns < 450e6, engine, "status", done.returncode,
          "the process's CPU clock:", cpu_ns)
