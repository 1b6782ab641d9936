# SPDX-License-Identifier: Apache-2.0
"""What the tests of crash safety share: w_log under the library, the log it kept,
and the trace it left, compared.

The promise: a trace holds everything that is older than two flush periods (one
until the writer wakes, one for its work).  A busy machine may wake it late, so a
witness measures, all the while, how late this machine wakes a sleeper; that goes on
top, and a run that breaks the bound all the same is tried again: the writer was
starved for once, or else it happens each time; and few runs may need that.
"""
import resource
import signal
import struct
import threading
import time

from lib import *

SLOTS, LINES = 1024, 8190
SLOT_BYTES = 48 + 24 * LINES
ATTEMPTS = 3
FINAL = 2**63


class Witness(threading.Thread):
    """How late a thread that sleeps 5 ms wakes, at worst, in seconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late, self.over = 0, False
        self.start()

    def run(self):
        while not self.over:
            began = time.monotonic()
            time.sleep(0.005)
            self.late = max(self.late, time.monotonic() - began - 0.005)

    def stop(self):
        self.over = True
        self.join()
        return self.late


class Slot:
    def __init__(self, data):
        self.pid, self.tid, self.blocks, n, self.ended, _ = struct.unpack_from("6Q", data)
        self.lines = list(struct.iter_unpack("3Q", data[48:48 + 24 * min(n, LINES)]))

    def at(self, t_ns):
        """(blocks, CPU ns since its first line) that it had by then, as far as it said so."""
        before = [line for line in self.lines if line[0] <= t_ns]
        return (before[-1][1], before[-1][2] - self.lines[0][2]) if before else (0, 0)


def read_log(path):
    """(end_ns, slots)"""
    with open(path, "rb") as f:
        count, end_ns = struct.unpack("2Q", f.read(16))
        slots = []
        for i in range(min(count, SLOTS)):
            f.seek(64 + i * SLOT_BYTES)
            slots.append(Slot(f.read(SLOT_BYTES)))
    return end_ns, [s for s in slots if s.tid]


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def start(log, command, **values):
    """A program in a process group of its own, its traces below log.d."""
    env = dict(os.environ, **preload(out=f"{log}.d/%p", heap_bytes=1, cpu_hz=999, **values))
    pathlib.Path(f"{log}.d").mkdir()
    return subprocess.Popen(command, env=env, cwd=HOME, preexec_fn=no_core,
                            stdout=subprocess.DEVNULL, start_new_session=True)


def readable(trace):
    """Every segment opens, and check has no complaint; what it printed."""
    for s in segments(trace):
        done = run(["lz4", "-t", "-q", s])
        check(done.status == 0, "lz4 -t refuses", s, done.err.decode())
    return prof("check", trace)


def lost_events(p):
    """Allocations that are not in the trace, or not below their function."""
    check(p.losses["write_failed"] == 0, "nothing was in the way of writing:", p.losses)
    return sum(p.losses[name] for name in (*ALLOC_LOSSES, "no_stack", "stack_table_full"))


def blocks_of(p, tid):
    """Blocks of log_block in the trace that this thread allocated."""
    return sum(row["alloc_n"] for t, stack, row in p.rows("heap")
               if t["tid"] == tid and "log_block" in stack)


def compare(p, slot, until_ns, seen):
    """What the trace of a slot's process lacks of what the slot had at until_ns;
    seen: its allocations are all there to be counted (no segment was dropped)."""
    blocks, cpu_ns = slot.at(until_ns)
    if not blocks:
        return []
    thread = next((t for t in p.threads if t["tid"] == slot.tid), None)
    if not thread:
        return [f"thread {slot.tid} is not in the trace"]
    lacks = []
    if thread["alloc_calls"] < blocks:
        lacks.append(f"calls {thread['alloc_calls']} < {blocks}")
    if seen:
        recorded = blocks_of(p, slot.tid)
        check(recorded <= slot.blocks, "recorded", recorded, "blocks, made", slot.blocks)
        if recorded + lost_events(p) < blocks:
            lacks.append(f"blocks {recorded} + lost {lost_events(p)} < {blocks}")
    if thread["cpu_ns"] < cpu_ns:
        lacks.append(f"CPU {thread['cpu_ns']} < {cpu_ns}")
    return lacks


def age(p, slot, end_ns):
    """Seconds before its end of the first line that the trace does not hold whole."""
    recorded = blocks_of(p, slot.tid) + lost_events(p)
    missed = [t for t, blocks, _ in slot.lines if blocks > recorded and t <= end_ns]
    return (end_ns - missed[0]) / 1e9 if missed else 0


tried, missed = [], []


def again(case, *args):
    """case(*args) returns (complaints, found); some attempt has no complaint."""
    said = []
    tried.append(args)
    for _ in range(ATTEMPTS):
        complaints, found = case(*args)
        if not complaints:
            return found
        if not said:
            missed.append(args)
        said.append(complaints)
        note(args, "attempt failed:", complaints)
    fail(f"{args}: {said}")


def settle():
    """Starved now and then, or late by habit?"""
    check(len(missed) <= 1 + len(tried) // 8, len(missed), "of", len(tried), "first attempts failed")
