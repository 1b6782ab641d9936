#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every other end, of one thread and with eight more at work (long form: of a forking server
and of python3, too): an end that the library hears of loses nothing, and takes nothing from
the other threads that was there when it began; one it does not hear of (a fatal signal, the
limit of CPU time) loses no more than SIGKILL does.  The status is what it is without the
library; an exec that fails ends nothing.  Every trace, those of children too, says how it
ended: by exit or exec, or that there is no end.

What an end does not wait for, on a busy machine, is an open trace; that is as rare as kills
that are to be tried again, whose rate is in kills.py.

limit: 150
long: 3000
false: 1e-6
false-long: 1e-6
"""
from kills import *

need("lz4", "python3")
FLUSH_MS = 100
HEARD = ("return", "exit", "_exit", "quick_exit", "handler", "abort_handled", "segv_handled",
         "exec", "exec_thread", "exec_fails")
# exit from 8 threads: in glibc one may end the process while another runs the handlers
NOT_HEARD = {"abort": signal.SIGABRT, "segv": signal.SIGSEGV, "bus": signal.SIGBUS,
             "xcpu": signal.SIGXCPU, "cpu": signal.SIGKILL, "many": 0}
STATUS = {"exec": 22, "exec_thread": 22}
ROUNDS = {"single": 25, "threads": 25, "server": 10, "python": 10} if LONG else \
    {"single": 1, "threads": 1}
NAMES = {"single": "one thread", "threads": "9 threads", "server": "a forking server",
         "python": "python3"}
not_awaited = []  # ends that did not wait for the writer


def group_is_gone(pgid):
    """No process of the group runs; whoever inherits them may not have waited for all."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(group) == pgid and state != "Z":
            return False
    return True


def states_wanted(how):
    if how == "many":
        return ("exit", "open")
    if how in NOT_HEARD:
        return ("open",)
    # on a busy machine the writer may not be done in the 100 ms that an end waits for it
    return ("exec" if how in ("exec", "exec_thread") else "exit", "open")


def judge_end(mode, how, log, pid, ended, late):
    """Of the process that ended in that way, and its threads: (complaints, oldest loss)."""
    end_ns, slots = read_slots(mode, log, pid)
    if mode == "python" and how not in NOT_HEARD:
        end_ns = slots[0].lines[-1][0]
    profiles = [(opened(t), t) for t in traces(f"{log}.d")]
    # the image that exec started has a trace too: the other one is older
    p, trace = min(((p, t) for p, t in profiles if p.process["pid"] == pid),
                   key=lambda found: found[0].process["start_mono_ns"])
    state, until, oldest = p.process["state"], end_ns or ended, 0
    check(state in states_wanted(how), how, mode, "state", state)
    if how not in NOT_HEARD and state == "open":
        not_awaited.append((mode, how))
    mine = [s for s in slots if s.pid == pid]
    if how in NOT_HEARD or state == "open":
        until -= int((2 * FLUSH_MS / 1e3 + late) * 1e9)
        if mode != "python":
            oldest = (max(age(p, s, end_ns or ended) for s in mine) - late) * 1e3 / FLUSH_MS
    complaints = [c for s in mine for c in compare(p, trace, mode, s, until)]
    return complaints + judge_children(mode, profiles, slots, pid, late), oldest


def judge_children(mode, profiles, slots, pid, late):
    """A server's end by _exit when their work is done: nothing lacks of those that waited
    for the writer, and of the others what every end keeps."""
    by_pid, complaints = {p.process["pid"]: (p, t) for p, t in profiles}, []
    for p, trace in profiles:
        check(p.process["pid"] == pid or p.process["state"] in ("exit", "open"), trace,
              p.process["state"])
    for s in slots:
        if s.pid == pid or not s.lines:
            continue
        check(s.ended, "a child did not come to its end:", s.pid)
        p, trace = by_pid.get(s.pid, (None, None))
        until = FINAL if p and p.process["state"] == "exit" else \
            s.lines[-1][0] - int((2 * FLUSH_MS / 1e3 + late) * 1e9)
        if p:
            complaints += compare(p, trace, mode, s, until)
        elif s.at(until)[0]:
            complaints.append(f"no trace of child {s.pid}")
    return complaints


def attempt(mode, how, engine):
    log = HOME / f"log-{how}-{time.monotonic_ns()}"
    proc = start(log, mode, how, str(60 + time.monotonic_ns() % 100), cpu=engine,
                 flush_ms=FLUSH_MS)
    proc.wait(60)
    ended = time.monotonic_ns()
    status = -NOT_HEARD[how] if NOT_HEARD.get(how) else STATUS.get(how, 21)
    check(proc.returncode == status, how, mode, engine, "status", proc.returncode, "not", status)
    late = late_s(log, ended)
    if mode == "server":
        wait_for(lambda: group_is_gone(proc.pid), "the end of children")
    found = judge_end(mode, how, log, proc.pid, ended, late)
    kill_group(proc)
    remove(log)
    return found


for mode, rounds in ROUNDS.items():
    worst = 0
    for i in range(rounds):
        for n, how in enumerate((*HEARD, *NOT_HEARD)):
            if not LONG and (mode == "threads") == (n % 2) and how not in ("many", "_exit"):
                continue  # each of them once in the short form
            if how in ("xcpu", "cpu") and (i or mode == "single") and not LONG:
                continue
            worst = max(worst, again(attempt, mode, how, ENGINES[(i + n // 2) % 2]))
    open_ends = sum(m == mode for m, _ in not_awaited)
    measured("kills", f"other ends, {NAMES[mode]}", f"{rounds} times each: {', '.join(HEARD)}",
             f"nothing lost; {open_ends} of them ended before the writer was done")
    lost = f"at most {worst:.1f} flush periods lost, beside what the machine was late"
    measured("kills", f"fatal ends, {NAMES[mode]}",
             f"{rounds} times each: {', '.join(NOT_HEARD)}; {missed_of(mode)}",
             lost if mode != "python" else "nothing older than two flush periods lost")


# main leaves at once, eight go on, all are killed: nothing depends on main
def main_left(mode):
    log = HOME / f"log-main-left-{time.monotonic_ns()}"
    proc = start(log, mode, "pthread_exit", "0", flush_ms=FLUSH_MS)
    wait_for(lambda: log.exists() and log.stat().st_size > SLOT_BYTES and read_log(log)[0]
             and len(read_log(log)[1]) == 9, "the end of main, and eight that go on")
    time.sleep(0.5)
    check(proc.poll() is None, "ended with main:", proc.returncode)
    killed = time.monotonic_ns()
    proc.kill()
    proc.wait()
    late = late_s(log, killed)
    (trace,) = traces(f"{log}.d")
    p = opened(trace)
    check(p.process["state"] == "open", "main left, killed:", p.process["state"])
    end_ns, slots = read_log(log)
    until = killed - int((2 * FLUSH_MS / 1e3 + late) * 1e9)
    return [c for s in slots for c in compare(p, trace, mode, s, min(until, end_ns)
                                              if s.tid == s.pid else until)], None


again(main_left, "threads")
note(len(not_awaited), "of", len(tried), "ends did not wait for the writer:", *not_awaited)
check(len(not_awaited) <= 2 + len(tried) // 50, len(not_awaited), "of", len(tried),
      "ends did not wait for the writer:", *not_awaited)
settle()
