#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments, over one thread that only allocates, eight that compute
and allocate, a forking server, and python3: every trace opens, check says that its end
is missing, and nothing older than two flush periods is lost, neither allocations
(each is recorded) nor CPU time nor samples, thread by thread.

limit: 150
long: 1800
"""
import random

from kills import *

need("lz4", "python3")
SEED = random.randrange(1 << 30)
random.seed(SEED)
note("seed", SEED)
KILLS = 50 if LONG else 4  # of each workload
LONGEST = 2.0 if LONG else 0.8
PYTHON = """
import os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
n = 0
while True:
    for i in range(20):
        bytearray(4321)
    n += 20
    if n % 100 == 0:
        os.write(log, b"%d %d %d\\n" % (time.monotonic_ns(), n, time.thread_time_ns()))
"""
(HOME / "work.py").write_text(PYTHON)


class TextSlot(Slot):
    """python3's log: a line of text a write, the last of which may be cut."""

    def __init__(self, path, pid):
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        self.pid = self.tid = pid
        self.lines = [tuple(map(int, line.split())) for line in lines]
        self.blocks, self.ended = FINAL, 0


def python_blocks(trace):
    """bytearray(4321) is a block of 4322 bytes; each is recorded, with its own weight."""
    return prof("json", "--lines", trace).count('"kind": "alloc", "weight": 4322,')


def samples_of_window(trace, p, slot, from_ns, to_ns, period_ms, what):
    """CPU was used there, so some sample is no older than from_ns."""
    used = slot.at(to_ns)[1] - slot.at(from_ns)[1]
    if used < 20 * period_ms * 1e6 or p.cpu_engine == "off":
        return []
    since = max(0, from_ns - p.process["start_mono_ns"]) / 1e9
    recent = Profile(trace, "--from", f"{since:.9f}", "--thread", str(slot.tid))
    return [] if recent.count(is_sampled) else [f"{what}: no sample since {since:.3f} s"]


def kill(proc, group):
    if group:
        os.killpg(proc.pid, signal.SIGKILL)
    else:
        proc.kill()
    check(proc.wait() == -signal.SIGKILL, "ended by itself:", proc.returncode)


def attempt(mode, engine, flush_ms, segment, group):
    """One kill; (complaints, (oldest loss in periods, traces))"""
    log = HOME / f"log-{time.monotonic_ns()}"
    values = dict(cpu=engine, flush_ms=flush_ms, segment_bytes=segment)
    after = random.random() * LONGEST
    python = ["/usr/bin/python3", HOME / "work.py", log]
    proc = start(log, python if mode == "python" else [W / "w_log", log, mode], **values)
    witness = Witness()
    time.sleep(after)
    late = witness.stop()
    killed = time.monotonic_ns()
    kill(proc, group)
    time.sleep(0 if group else 0.3)  # children of the server end by themselves
    note(f"{after:.3f} s, {flush_ms} ms, woken {late * 1e3:.1f} ms late")
    found = judge(mode, log, proc.pid, killed, late, flush_ms)
    if not group:  # those that did not
        try:
            os.killpg(proc.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    shutil.rmtree(f"{log}.d")
    if log.exists():
        log.unlink()
    return found


def slots_of(mode, log, pid):
    if mode == "python":
        return [TextSlot(log, pid)]
    return read_log(log)[1] if log.exists() else []


def judge(mode, log, pid, killed, late_s, flush_ms):
    complaints, oldest, dirs = [], 0, traces(f"{log}.d")
    bound_s = 2 * flush_ms / 1e3 + late_s
    profiles = {}
    for trace in dirs:
        said = readable(trace)
        p = Profile(trace)
        state = p.process["state"]
        profiles[p.process["pid"]] = p, trace
        if p.process["pid"] == pid:
            check(state == "open" and "no end record" in said, trace, "killed:", state, said[-900:])
    for slot in slots_of(mode, log, pid):
        until = killed - int(bound_s * 1e9)
        if slot.ended and slot.lines[-1][0] < until:
            until = FINAL  # it ended by itself in time: nothing may lack
        if slot.pid not in profiles:
            if slot.at(until)[0]:
                complaints.append(f"no trace of pid {slot.pid}")
            continue
        p, trace = profiles[slot.pid]
        complaints += compare(p, slot, until, mode != "python")
        if mode == "python":
            blocks = python_blocks(trace)
            if blocks + lost_events(p) < slot.at(until)[0]:
                complaints.append(f"python: {blocks} blocks < {slot.at(until)[0]}")
        elif not slot.ended:
            oldest = max(oldest, age(p, slot, killed) - late_s)
        period_ms = 1 if p.cpu_engine == "perf" else 10
        complaints += samples_of_window(trace, p, slot, until - int(bound_s * 1e9), until,
                                        period_ms, (mode, slot.tid))
    return complaints, (oldest * 1e3 / flush_ms, len(dirs))


names = {"single": "one thread that allocates", "threads": "8 threads", "server": "forking server",
         "python": "python3"}
for mode, what in names.items():
    worst = opened = 0
    for i in range(KILLS):
        found = again(attempt, mode, ENGINES[i % 2], (50, 200, 100)[i // 2 % 3],
                      "64K" if i % 3 == 0 else "16M", i % 4 != 3)
        worst, opened = max(worst, found[0]), opened + found[1]
        note(mode, i, found)
    lost = f"; at most {worst:.1f} flush periods lost, beside what the machine was late"
    measured("kills", f"SIGKILL, {what}", f"{KILLS} kills at 0..{LONGEST:g} s",
             f"{opened} traces open" + (lost if mode != "python" else
                                        "; nothing older than two flush periods lost"))
settle()
