#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""perf_event_open with every error of its manual page, and with filters that kill or
trap; each kernel.perf_event_paranoid; rings against locked memory that other processes of
the user hold.  t_cpu_denied.py has the three errors that containers give.

The level is one setting for the machine: other tests and programs depend on it while this
one runs.  So what each level allows is had by other means, and what is read of it is a file
mounted over it: below 2, kernel code too, by CAP_PERFMON; 2, a user's own code, is what
nobody has at 2; above it, nothing, by a filter.

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

MAY_PERF = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
            "--inh-caps=-all,+perfmon", "--ambient-caps=-all,+perfmon"]


def level_said(user, value):
    """The level, as it is read there: a file over the real one."""
    level = HOME / "level"
    level.write_text(f"{value}\n")
    level.chmod(0o644)
    mounted = f"mount --bind {level} /proc/sys/kernel/perf_event_paranoid && exec \"$@\""
    return ["unshare", "-m", "sh", "-c", mounted, "sh", *(MAY_PERF if value < 2 else user.prefix)]


def at_level(user, value):
    """w_fault as it is allowed and said there, bare and profiled: the profile."""
    before = level_said(user, value)
    denied = [user.file(W / "w_deny"), "perf_event_open", "EACCES"] if value > 2 else []
    program = [user.file(W / "w_fault"), user.file(W / "p_alpha.so"), "fork"]
    setting = preload(user, out=f"level{value}", cpu_hz=999, heap_bytes=1)
    bare = run([*before, *denied, *program], cwd=user.home)
    ran = run([*before, *denied, *words(program, env=setting)], cwd=user.home)
    check((ran.status, ran.out, ran.err) == (bare.status, bare.out, bare.err), "level", value,
          "changed the program:", ran.status, ran.out, ran.err, "bare", bare.status, bare.out)
    check(ran.status == 7, "level", value, "bare", bare.status, bare.err)
    check_good(user.home / f"level{value}", f"level {value}")
    p = Profile(user.home / f"level{value}")
    return account(p, f"level {value}:", ran.rows("calls")[0][0])


levels = ROOT and run(["unshare", "-m", *MAY_PERF, "true"]).status == 0
if levels:
    nobody = users()[1]
    real = int(pathlib.Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    for value in range(-1, 5):
        p = at_level(nobody, value)
        if value > 2:
            text = reasons(p, "perf")[0][1]
            check(f"perf_event_paranoid is {value}" in text and "sysctl" in text, "level", value, text)
        else:
            check(not reasons(p, "perf"), "level", value, p.events)
            text = deny(nobody, "perf_event_open", "EACCES", cpu="auto")[0]
            check("security module" in reasons(text, "perf")[0][1], reasons(text, "perf"))
        # at 2 nobody may what the real level allows
        wanted = ("perf", value < 2 or real < 2) if value <= 2 else ("timer", False)
        check((p.cpu_engine, bool(p.kernel)) == wanted or (real > 2 and value == 2), "level", value,
              "engine and kernel code:", p.cpu_engine, p.kernel, "wanted", *wanted)
    measured("faults", "what kernel.perf_event_paranoid -1 to 4 allows, with a file mounted over it",
             "6 levels", "unchanged; perf up to 2, with kernel code up to 1; the timer above, with the "
             "command that helps")
    measured("left out", "kernel.perf_event_paranoid itself", "",
             "one setting for the machine, which others depend on meanwhile")


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
        denied = [p for p in together(user, 0, 6) if p.cpu_engine != "perf"]
        if denied:
            break
        for left in user.home.glob("locked-0-*"):
            shutil.rmtree(left)
    check(denied, "six processes without locked memory, and each had rings")
    for p in denied:
        check("no locked memory left" in reasons(p, "perf")[0][1] and p.cpu_engine == "timer",
              p.cpu_engine, reasons(p, "perf"))
    measured("faults", "rings of several processes of one user against ulimit -l 1024 and 0",
             "6 at a time", f"perf for all at 1024; at 0 {len(denied)} of 6 on the timer, reason named")
if not levels:
    skip("perf_event_paranoid needs root and a mount namespace; the rest passed")
