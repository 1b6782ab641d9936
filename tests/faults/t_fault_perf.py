#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""perf_event_open with every error of its manual page, and with filters that kill or
trap; what is said at each kernel.perf_event_paranoid (stood in for by a file mounted
over it); rings against locked memory that other processes of the user hold.
t_cpu_denied.py has the three errors that containers give.

limit: 300
long: 1800
"""
import errno

from faults import *

ERRORS = ["E2BIG", "EBADF", "EBUSY", "EFAULT", "EINTR", "EINVAL", "EMFILE", "ENODEV", "ENOENT",
          "ENOSPC", "EOPNOTSUPP", "EOVERFLOW", "ESRCH", "ENOMEM", "ENFILE", "EAGAIN", "EACCES",
          "EPERM", "ENOSYS"]
SHORT = ["EBUSY", "EMFILE", "EINVAL", "ENOMEM", "EINTR", "ENODEV"]
KILLS = ["KILL", "KILL_THREAD", "TRAP"]
SAYS = {"EMFILE": "too many open files", "ENFILE": "too many open files", "EINVAL": "Linux 5.13",
        "EACCES": "forbidden", "EPERM": "blocked", "ENOSYS": "blocked"}


def deny(user, call, what, **values):
    """w_fault with call denied; its profile."""
    number = str(getattr(errno, what)) if what.startswith("E") else what
    program = (user.file(W / "w_fault"), user.file(W / "p_alpha.so"))
    wrap = [user.file(W / "w_deny"), call, number]
    bare = run([*wrap, *program], user)
    out = f"{call}-{what}-{'-'.join(values.values())}"
    setting = preload(user, out=out, heap_bytes=1, **values)
    ran = run([*wrap, "env", *(f"{k}={v}" for k, v in setting.items()), *program], user)
    check((ran.status, ran.err, ran.out) == (bare.status, bare.err, bare.out), user.name, out,
          "changed the program:", ran.status, ran.err, ran.out, "bare", bare.status)
    prof("check", user.home / out)
    what = f"{user.name} {out}:"
    return account(Profile(user.home / out), what, ran.rows("calls")[0][0]), what


def reasons(p, name):
    return [(e["errno"], e["text"]) for e in p.events if e["name"] == name and e["state"] == "denied"]


tried = 0
for user in users():
    for what in (ERRORS if LONG else SHORT) + KILLS:
        for engine in ("auto", "perf") if LONG or user.name == "self" else ("auto",):
            p, where = deny(user, "perf_event_open", what, cpu=engine)
            wanted = "timer" if engine == "auto" else "off"
            check(p.cpu_engine == wanted, where, "engine", p.cpu_engine)
            found = reasons(p, "perf")
            number = getattr(errno, what) if what.startswith("E") else errno.ENOSYS
            text = SAYS.get(what, f"errno {number}") if what.startswith("E") else "seccomp filter kills"
            check(len(found) == 1 and found[0][0] == number and text in found[0][1], where, "reasons",
                  found)
            tried += 1
    # and every other call that a throwaway child tries first
    for call in ("timer_create", "close_range", "unshare", "process_vm_readv"):
        for what in KILLS if LONG else ("KILL",):
            p, where = deny(user, call, what, cpu="timer" if call == "timer_create" else "auto")
            if call == "timer_create":
                check("seccomp filter kills" in reasons(p, "timer")[0][1], where, p.events)
            tried += 1
mostly_exact(0.8)
measured("faults", "perf_event_open with each error of its manual page, or a filter that kills "
         "or traps, also for four other calls", f"{tried} runs, root and nobody",
         "programs unchanged, traces valid, each reason named")

# The level is read to say what helps; whether the call is allowed is the kernel's word.
levels = ROOT and run(["unshare", "-m", "true"]).status == 0
if levels:
    nobody = users()[1]
    level = HOME / "level"
    for value in range(-1, 5):
        level.write_text(f"{value}\n")
        level.chmod(0o644)
        denied = [nobody.file(W / "w_deny"), "perf_event_open", "EACCES"] if value > 2 else []
        setting = preload(nobody, out=f"level{value}", cpu_hz=999)
        program = [*denied, "env", *(f"{k}={v}" for k, v in setting.items()),
                   nobody.file(W / "w_threads"), 60]
        mounted = f"mount --bind {level} /proc/sys/kernel/perf_event_paranoid && exec \"$@\""
        ran = run(["unshare", "-m", "sh", "-c", mounted, "sh", *words(program, nobody)], cwd=nobody.home)
        check(ran.status == 0 and not ran.err, "level", value, ran.status, ran.err)
        p = Profile(nobody.home / f"level{value}")
        if value > 2:
            text = reasons(p, "perf")[0][1]
            check(f"perf_event_paranoid is {value}" in text and "sysctl" in text, "level", value, text)
            check(p.cpu_engine == "timer", "level", value, p.cpu_engine)
        else:
            check(p.cpu_engine == "perf", "level", value, p.cpu_engine, p.events)
            text = deny(nobody, "perf_event_open", "EACCES", cpu="auto")[0]
            check("security module" in reasons(text, "perf")[0][1], reasons(text, "perf"))
    measured("faults", "kernel.perf_event_paranoid -1 to 4, by a file mounted over it", "6 levels",
             "unchanged; perf up to 2, the timer above it with the command that helps")


def together(user, kilobytes, n):
    """n programs at once, sharing one user's locked memory: their profiles."""
    out = [f"locked-{kilobytes}-{i}" for i in range(n)]
    running = []
    for name in out:
        setting = preload(user, out=name, cpu_hz=99)
        running.append(subprocess.Popen(
            words(["prlimit", f"--memlock={kilobytes * 1024}", "--", "env",
                   *(f"{k}={v}" for k, v in setting.items()), user.file(W / "w_threads"), 400], user),
            cwd=user.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    for proc in running:
        output, err = proc.communicate(timeout=60)
        check(proc.returncode == 0 and not err and len(output.splitlines()) == 5, "with ulimit -l",
              kilobytes, proc.returncode, err, output)
    return [Profile(user.home / name) for name in out]


if ROOT:
    user = users()[1]
    perf = [p.cpu_engine for p in together(user, 1024, 6 if LONG else 3)]
    check(set(perf) == {"perf"}, "each with ulimit -l 1024 of its own:", perf)
    for _ in range(5):  # on a busy machine they may come one after the other
        denied = [p for p in together(user, 0, 6 if LONG else 3) if p.cpu_engine != "perf"]
        if denied:
            break
        for left in user.home.glob("locked-0-*"):
            shutil.rmtree(left)
    check(denied, "three processes without locked memory, and each had rings")
    for p in denied:
        check("no locked memory left" in reasons(p, "perf")[0][1] and p.cpu_engine == "timer",
              p.cpu_engine, reasons(p, "perf"))
    measured("faults", "rings of several processes of one user against ulimit -l 1024 and 0",
             "6 at a time", f"perf for all at 1024; at 0 {len(denied)} of 6 on the timer, reason named")
if not levels:
    skip("perf_event_paranoid needs root and a mount namespace; the rest passed")
