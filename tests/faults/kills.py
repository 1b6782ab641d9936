# SPDX-License-Identifier: Apache-2.0
"""What the tests of crash safety share: w_log or a python3 program under the library, the
log it kept, and the trace it left, compared.

The promise: a trace holds everything that is older than two flush periods (one
until the writer wakes, one for its work; after a flush with nothing to write 5/3, and the
rest).  A busy machine may wake it late, so a witness (w_fault_witness, in the program's own
session) measures how late a sleeper woke there in the last second; that goes on top, and a run
that breaks the bound all the same is tried again: the writer had too little of the CPU for its
work for once, or else it happens each time.  Few runs may need that, see settle(): where one in 500 does, more than
it allows do in less than 1e-5 of the short forms (3 of 16 kills: 560 * 0.002^3 = 4e-6) and
1e-4 of 200 kills (5 of them, 0.4 expected: 6e-5).
"""
import resource
import signal
import struct
import time

from lib import *

SLOTS, LINES = 1024, 8190
SLOT_BYTES = 48 + 24 * LINES
WAKES, WITNESS_SLEEP_NS, SECOND_NS = 1024, 5_000_000, 1_000_000_000
ATTEMPTS = 3
FINAL = 2**63
PERIOD_NS = 1_001_001  # 999 Hz

# Python's blocks of 4322 bytes, and its log: a line of text a write, as w_log's lines are.
# python3 work.py LOG [END MS]: ends as w_log does, where a name is one of its.
PYTHON = """
import ctypes, os, resource, signal, sys, threading, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
how = sys.argv[2] if len(sys.argv) > 2 else "never"
end_at = time.monotonic() + int(sys.argv[3]) / 1e3 if len(sys.argv) > 3 else float("inf")
n = 0

def write_line():
    os.write(log, b"%d %d %d\\n" % (time.monotonic_ns(), n, time.thread_time_ns()))

def work():
    global n
    while time.monotonic() < end_at:
        for i in range(20):
            bytearray(4321)
        n += 20
        if n % 100 == 0:
            write_line()
    write_line()

def execs():
    os.execv(sys.argv[4], [sys.argv[4], "-", "exec"])

def end():
    if how == "exit":
        sys.exit(21)
    if how == "_exit":
        os._exit(21)
    if how == "quick_exit":
        ctypes.CDLL(None).quick_exit(21)
    if how in ("abort_handled", "segv_handled"):
        sig = signal.SIGABRT if how == "abort_handled" else signal.SIGSEGV
        signal.signal(sig, lambda *_: os._exit(21))
        os.kill(os.getpid(), sig)
        time.sleep(5)
    if how == "handler":
        signal.signal(signal.SIGUSR1, lambda *_: sys.exit(21))
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(5)
    if how == "abort":
        os.abort()
    if how == "segv":
        ctypes.string_at(0)
    if how == "bus":
        os.kill(os.getpid(), signal.SIGBUS)
    if how == "exec":
        execs()
    if how == "exec_thread":
        threading.Thread(target=execs).start()
        time.sleep(5)
    if how == "many":
        for i in range(8):
            threading.Thread(target=os._exit, args=(21,)).start()
        time.sleep(5)
    sys.exit(21)

if how in ("xcpu", "cpu"):
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1 if how == "cpu" else 3))
    end_at = float("inf")
if how == "exec_fails":
    try:
        os.execv("/no/such/program", ["no"])
    except OSError:
        pass
work()
end()
"""


class Slot:
    def __init__(self, data):
        self.pid, self.tid, self.blocks, n, self.ended, _ = struct.unpack_from("6Q", data)
        self.lines = list(struct.iter_unpack("3Q", data[48:48 + 24 * min(n, LINES)]))

    def at(self, t_ns):
        """(blocks, CPU ns since its first line) that it had by then, as far as it said so."""
        before = [line for line in self.lines if line[0] <= t_ns]
        return (before[-1][1], before[-1][2] - self.lines[0][2]) if before else (0, 0)


class TextSlot(Slot):
    """python3's log, the last line of which may be cut."""

    def __init__(self, path, pid):
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        self.pid = self.tid = pid
        self.lines = [tuple(map(int, line.split())) for line in lines]
        self.blocks, self.ended = FINAL, 0


def read_log(path):
    """(end_ns, slots)"""
    with open(path, "rb") as f:
        count, end_ns = struct.unpack("2Q", f.read(16))
        slots = []
        for i in range(min(count, SLOTS)):
            f.seek(64 + i * SLOT_BYTES)
            slots.append(Slot(f.read(SLOT_BYTES)))
    return end_ns, [s for s in slots if s.tid]


def read_slots(mode, log, pid):
    """(end_ns, slots) of a program of any mode; 0 where it did not come to its end."""
    if mode == "python":
        return 0, [TextSlot(log, pid)]
    return read_log(log) if log.exists() else (0, [])


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def start(log, mode, *end, **values):
    """A program, with its witness, in a session of its own, its traces below log.d."""
    program = [W / "w_log", log, mode, *end]
    if mode == "python":
        (HOME / "work.py").write_text(PYTHON)
        program = ["/usr/bin/python3", HOME / "work.py", log, *end, *([W / "w_log"] if end else [])]
    pathlib.Path(f"{log}.d").mkdir()
    setting = preload(out=f"{log}.d/%p", heap_bytes=1, cpu_hz=999, **values)
    return subprocess.Popen([str(w) for w in (W / "w_fault_witness", f"{log}.late",
                                              *(f"{k}={v}" for k, v in setting.items()), *program)],
                            cwd=HOME, preexec_fn=no_core, stdout=subprocess.DEVNULL,
                            start_new_session=True)


def kill_group(proc):
    try:
        os.killpg(proc.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def remove(log):
    shutil.rmtree(f"{log}.d")
    for path in (log, pathlib.Path(f"{log}.late")):
        path.unlink(missing_ok=True)


def late_s(log, end_ns):
    """How late the witness woke, at worst, in the second before end_ns; asleep still, it is
    late since it should have woken."""
    path = pathlib.Path(f"{log}.late")
    data = path.read_bytes() if path.exists() else b""
    if len(data) < 16 * (1 + WAKES):
        return 0  # the program was not there yet
    (n,) = struct.unpack_from("Q", data)
    wakes = list(struct.iter_unpack("2Q", data[16:16 * (1 + min(n, WAKES))]))
    before = sorted(wake for wake in wakes if wake[0] <= end_ns)
    recent = [late for t, late in before if t > end_ns - SECOND_NS]
    asleep = end_ns - before[-1][0] - WITNESS_SLEEP_NS if before else 0
    return max([0, asleep, *recent]) / 1e9


def opened(trace):
    """Every segment opens, and check has no complaint and says how it ended: its profile."""
    for s in segments(trace):
        done = run(["lz4", "-t", "-q", s])
        check(done.status == 0, "lz4 -t refuses", s, done.err.decode())
    said, p = prof("check", trace), Profile(trace)
    state = p.process["state"]
    words = {"open": "no end record", "exit": "ended: exit", "exec": "ended: exec"}
    check(state in words and words[state] in said, trace, "state", state, "and check says",
          said[-900:])
    return p


def lost_events(p):
    """Allocations that are not in the trace, or not below their function."""
    check(p.losses["write_failed"] == 0, "nothing was in the way of writing:", p.losses)
    return sum(p.losses[name] for name in (*ALLOC_LOSSES, "no_stack", "stack_table_full"))


def blocks_of(p, tid):
    """Blocks of log_block in the trace that this thread allocated."""
    return sum(row["alloc_n"] for t, stack, row in p.rows("heap")
               if t["tid"] == tid and "log_block" in stack)


def python_blocks(trace):
    """bytearray(4321) is a block of 4322 bytes; each is recorded, with its own weight."""
    return prof("json", "--lines", trace).count('"kind": "alloc", "weight": 4322,')


def compare(p, trace, mode, slot, until_ns):
    """What the trace of a slot's process lacks of what the slot had at until_ns."""
    blocks, cpu_ns = slot.at(until_ns)
    if not blocks:
        return []
    thread = next((t for t in p.threads if t["tid"] == slot.tid), None)
    if not thread:
        return [f"thread {slot.tid} is not in the trace"]
    lacks = []
    if thread["alloc_calls"] < blocks:
        lacks.append(f"calls {thread['alloc_calls']} < {blocks}")
    recorded = python_blocks(trace) if mode == "python" else blocks_of(p, slot.tid)
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


def missed_of(mode):
    """For a row: how many of its first attempts failed."""
    of = [args for args in tried if args and args[0] == mode]
    return f"{sum(args[0] == mode for args in missed)} of {len(of)} tried again"


def settle():
    """Starved now and then, or late by habit?"""
    note(len(missed), "of", len(tried), "first attempts failed")
    check(len(missed) <= 2 + len(tried) // 100, len(missed), "of", len(tried),
          "first attempts failed:", *missed)
