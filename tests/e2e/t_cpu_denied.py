#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""perf denied with each errno there is: `auto` goes on with timers and says so
in the trace, `perf` stays off with its reason; with timers denied too the heap
is still recorded.  The program never notices."""
from lib import *

bare = run([W / "w_threads", 100])


def denied(calls, error, out, **values):
    wrap = [w for call in calls for w in (W / "w_deny", call, error)]
    ran = run([*wrap, "env", *(f"{k}={v}" for k, v in preload(out=out, **values).items()),
               W / "w_threads", 100])
    check(ran.status == bare.status, error, "status", ran.status)
    check([r[1] for r in ran.rows("thread")] == [r[1] for r in bare.rows("thread")], error,
          "output differs", ran.out)
    return ran, Profile(HOME / out)


def engines(p, kind):
    return [(e["state"], e["name"], e["errno"], e["text"]) for e in p.events if e["engine"] == kind]


for error in ("EACCES", "EPERM", "ENOSYS"):
    ran, p = denied(["perf_event_open"], error, error)
    check(ran.err == b"", error, "said", ran.err)
    check(p.cpu_engine == "timer", error, p.cpu_engine)
    check(any(s == "denied" and n == "perf" and e and t for s, n, e, t in engines(p, "cpu")), error,
          engines(p, "cpu"))
    check(p.count(is_sampled) > 5, error, "samples:", p.count(is_sampled))
    _, p = denied(["perf_event_open"], error, error + "-perf", cpu="perf")
    check(p.cpu_engine == "off", error, "explicit perf:", p.cpu_engine)
    check(p.count(is_sampled) == 0, error, "explicit perf went on with something else")
    for name in (error, error + "-perf"):
        report = prof("report", name)
        check("perf denied" in report and error in report, error, "report:", report[:1500])

ran, p = denied(["perf_event_open", "timer_create"], "EPERM", "both", heap_bytes=1)
check(p.cpu_engine == "off", "both denied:", p.cpu_engine)
check(p.raw["heap"], "both denied: no heap either")
check(len(p.threads) >= 5, "both denied: threads", len(p.threads))
for tid, name, cpu_ns in ran.rows("thread")[:-1]:
    near(p.thread(tid)["cpu_ns"], cpu_ns, 0.01, f"both denied: cpu of {name}")
for call in ("close_range", "unshare", "process_vm_readv"):
    _, p = denied([call], "EPERM", call)
    check(p.count(is_sampled) > 5, call, "denied: samples", p.count(is_sampled))
    check_whole(p, 0.9, root=("main", "thread_body"), what=call + " denied:")
