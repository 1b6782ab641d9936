#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 at 60 moments: what is left is a trace that `lz4 -t` accepts and
prof check calls good, and it lacks at most what was not yet flushed.  That holds for a program
that had done nothing for a while, too, though its writer looks more seldom."""
import random
import signal
import time

from lib import *

need("lz4")
random.seed(11)
files = 0
for i in range(60):
    trace = HOME / f"t{i}"
    env = dict(os.environ, **preload(out=trace.name, heap_bytes=256, heap_hz=0, flush_ms=10,
                                     segment_bytes="64K",
                                     cpu=ENGINES[i % 2], cpu_hz=999))
    proc = subprocess.Popen([W / "w_leak", "100000000"], env=env, cwd=HOME,
                            stdout=subprocess.DEVNULL)
    time.sleep(0.01 + random.random() * 0.15)
    proc.send_signal(signal.SIGKILL)
    check(proc.wait() == -signal.SIGKILL, "ended by itself with", proc.returncode)
    for s in segments(trace):
        files += 1
        done = run(["lz4", "-t", "-q", s])
        check(done.status == 0, "lz4 -t refuses", s, done.err.decode())
    if segments(trace):
        prof("check", trace)
        json.loads(prof("json", trace))
    shutil.rmtree(trace, ignore_errors=True)
check(files > 60, "only", files, "segments in 60 runs")
trace = HOME / "last"
env = dict(os.environ, **preload(out="last", cpu="off", heap_bytes=1, flush_ms=50))
proc = subprocess.Popen([W / "w_idle", "5000"], env=env, cwd=HOME, stdout=subprocess.DEVNULL)
time.sleep(0.6)
proc.kill()
proc.wait()
check(Profile(trace).process["state"] == "open", "state of a killed program:",
      Profile(trace).process["state"])

# 20 blocks after three seconds of nothing; killed when they are older than two flush periods.
FLUSH_S, LATE_S = 0.6, 0.3
PROGRAM = """
import time
time.sleep(3)
blocks = [bytearray(1 << 20) for _ in range(20)]
print("there", flush=True)
time.sleep(20)
"""
for engine in ENGINES:
    env = dict(os.environ, **preload(out=f"idle-{engine}", cpu=engine, flush_ms=int(1000 * FLUSH_S)))
    proc = subprocess.Popen(["/usr/bin/python3", "-c", PROGRAM], env=env, cwd=HOME,
                            stdout=subprocess.PIPE)
    check(proc.stdout.readline() == b"there\n", engine, "said nothing")
    time.sleep(2 * FLUSH_S + LATE_S)
    proc.kill()
    proc.wait()
    large = [r for _, _, r in Profile(HOME / f"idle-{engine}").rows("heap")
             if r["alloc_n"] > 5 and r["alloc_space"] / r["alloc_objects"] > 0.9 * (1 << 20)]
    check(large, engine, "nothing is left of what was older than two flush periods")
