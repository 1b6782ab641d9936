#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a trace says of its process: program, ids, host, service names from the
environment, clocks; and what it must not hold: arguments and environment."""
import platform
import time

from lib import *

SECRETS = {"DATABASE_PASSWORD": "hunter2hunter2"}
before = time.time_ns()
ran = run([W / "w_idle", "00000000000000050"], env=dict(preload(out="t", heap_bytes=1), **SECRETS,
          OTEL_SERVICE_NAME="shop;é\x1b", OTEL_RESOURCE_ATTRIBUTES="deployment=test,a=b"))
check(ran.status == 0, "status", ran.status, ran.err)
p = Profile("t")
want = {"program": "w_idle", "exe": str((W / "w_idle").resolve()), "argv0": str(W / "w_idle"),
        "uid": os.geteuid(), "host": platform.node(), "machine": platform.machine(),
        "service_name": "shop;é\x1b", "resource_attributes": "deployment=test,a=b",
        "page_bytes": os.sysconf("SC_PAGE_SIZE"), "cpus": len(os.sched_getaffinity(0)),
        "boot_id": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()}
for name, value in want.items():
    check(p.process[name] == value, name, "is", repr(p.process[name]), "wanted", repr(value))
check(platform.release() in p.process["kernel"], "kernel", p.process["kernel"])
check(before <= p.process["start_real_ns"] <= time.time_ns(), "start", p.process["start_real_ns"])
check(len(set(p.raw["trace_id"])) > 4 and len(p.raw["trace_id"]) == 32, p.raw["trace_id"])
need("lz4")
content = b"".join(run(["lz4", "-dc", s]).out + s.read_bytes() for s in segments(HOME / "t"))
for secret in (*SECRETS.values(), "00000000000000050", "DATABASE_PASSWORD"):
    check(secret.encode() not in content, "the trace holds", secret)
report = prof("report", "t")
check("shop" in report and "\x1b" not in report, "report:", report[:600])
