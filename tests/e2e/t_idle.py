#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that does nothing gets a page that says so, not a blank one, and
every output is still well-formed; zero losses are stated.  The threads beside it are the writer
and, where it polls perf's rings, its bell."""
from lib import *

for program, args in (("w_idle", [1200]), ("w_mini", [])):
    _, trace = work(program, *args, out=program)
    report = prof("report", trace)
    check(program in report and len(report.splitlines()) >= 8, "report:", report)
    check("idle" in report.lower() or "no cpu" in report.lower() or "no samples" in report.lower(),
          "report:", report)
    check("loss" in report.lower() or "lost" in report.lower(), "losses are not stated:", report)
    p = Profile(trace)
    check(p.cpu() < 100e6, program, "CPU time", p.cpu())
    check(sum(p.losses.values()) == 0 and len(p.losses) >= 14, "losses", p.losses)
    prof("check", trace)
    for line in prof("folded", trace).splitlines():
        check(line.rsplit(" ", 1)[1].isdigit(), "folded:", line)
check(len(Profile(HOME / "w_idle").raw["memory"]) >= 2, "memory over 1.2 s:",
      Profile(HOME / "w_idle").raw["memory"])
for point in Profile(HOME / "w_idle").raw["memory"]:
    check(500_000 < point["rss_bytes"] < point["vsize_bytes"], "memory:", point)

for engine, threads in (("perf", 3), ("timer", 2), ("off", 2)):
    ran = run(["/bin/ls", "/proc/self/task"], env=preload(out=f"ls-{engine}", cpu=engine))
    check(len(ran.out.split()) == threads, engine, "threads:", ran.out)
    check(Profile(HOME / f"ls-{engine}").cpu_engine == engine, "engine")
