#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every other end, of one thread and with eight more at work: an end that the library
hears of loses nothing, and takes nothing from the other threads that was there when
it began; one it does not hear of (a fatal signal, the limit of CPU time) loses no more
than SIGKILL does.  The status is what it is without the library; an exec that fails
ends nothing.

limit: 150
long: 1800
"""
from kills import *

need("lz4")
FLUSH_MS = 100
HEARD = ("return", "exit", "_exit", "quick_exit", "handler", "abort_handled", "segv_handled",
         "exec", "exec_thread", "exec_fails")
# exit from 8 threads: in glibc one may end the process while another runs the handlers
NOT_HEARD = {"abort": signal.SIGABRT, "segv": signal.SIGSEGV, "bus": signal.SIGBUS,
             "xcpu": signal.SIGXCPU, "cpu": signal.SIGKILL, "many": 0}
STATUS = {"exec": 22, "exec_thread": 22}
ROUNDS = 25 if LONG else 1


def attempt(how, mode, engine):
    log = HOME / f"log-{how}-{time.monotonic_ns()}"
    witness = Witness()
    proc = start(log, [W / "w_log", log, mode, how, str(60 + time.monotonic_ns() % 100)],
                 cpu=engine, flush_ms=FLUSH_MS)
    proc.wait(30)
    ended, late = time.monotonic_ns(), witness.stop()
    status = -NOT_HEARD[how] if NOT_HEARD.get(how) else STATUS.get(how, 21)
    check(proc.returncode == status, how, mode, engine, "status", proc.returncode, "not", status)
    end_ns, slots = read_log(log)
    # the image that exec started has a trace too: the other one is older
    trace = min(traces(f"{log}.d"), key=lambda t: Profile(t).process["start_mono_ns"])
    p, said = Profile(trace), readable(trace)
    until, oldest = end_ns or ended, 0
    state = p.process["state"]
    # on a busy machine the writer may not be done in the 100 ms that an end waits for it
    if how not in NOT_HEARD and state == "open":
        missed.append((how, mode, engine))
    if how in NOT_HEARD or state == "open":
        until -= int((2 * FLUSH_MS / 1e3 + late) * 1e9)
        oldest = (max(age(p, s, end_ns or ended) for s in slots) - late) * 1e3 / FLUSH_MS
    if how in NOT_HEARD:
        check(state == "open" or how == "many", how, "state", state)
        check("no end record" in said or how == "many", how, "check says", said[-900:])
    elif state != "open":
        want = "exec" if how in ("exec", "exec_thread") else "exit"
        check(state == want, how, mode, "state", state)
    complaints = [c for s in slots for c in compare(p, s, until, True)]
    shutil.rmtree(f"{log}.d")
    log.unlink()
    return complaints, oldest


for mode, what in (("single", "one thread"), ("threads", "9 threads")):
    worst, before = 0, len(missed)
    for i in range(ROUNDS):
        for n, how in enumerate((*HEARD, *NOT_HEARD)):
            if not LONG and (mode == "threads") == (n % 2) and how not in ("many", "_exit"):
                continue  # each of them once in the short form
            if how in ("xcpu", "cpu") and (i or mode == "single") and not LONG:
                continue
            worst = max(worst, again(attempt, how, mode, ENGINES[(i + n // 2) % 2]))
    measured("kills", f"other ends, {what}", f"{ROUNDS} times each: {', '.join(HEARD)}",
             f"nothing lost; {len(missed) - before} of them ended before the writer was done")
    measured("kills", f"fatal ends, {what}", f"{ROUNDS} times each: {', '.join(NOT_HEARD)}",
             f"at most {worst:.1f} flush periods lost, beside what the machine was late")


# main leaves at once, eight go on, all are killed: nothing depends on main
def main_left():
    log = HOME / f"log-main-left-{time.monotonic_ns()}"
    witness = Witness()
    proc = start(log, [W / "w_log", log, "threads", "pthread_exit", "0"], flush_ms=FLUSH_MS)
    wait_for(lambda: log.exists() and log.stat().st_size > SLOT_BYTES and read_log(log)[0]
             and len(read_log(log)[1]) == 9, "the end of main, and eight that go on")
    time.sleep(0.5)
    late = witness.stop()
    check(proc.poll() is None, "ended with main:", proc.returncode)
    killed = time.monotonic_ns()
    proc.kill()
    proc.wait()
    (trace,) = traces(f"{log}.d")
    readable(trace)
    p = Profile(trace)
    end_ns, slots = read_log(log)
    until = killed - int((2 * FLUSH_MS / 1e3 + late) * 1e9)
    return [c for s in slots for c in compare(p, s, min(until, end_ns) if s.tid == s.pid else until,
                                              True)], None


again(main_left)
settle()
