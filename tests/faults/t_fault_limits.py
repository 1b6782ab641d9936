#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits that are low at the start (t_host_limits.py has more of them), limits that the
program lowers while it runs, a memory cgroup, and memory that is locked.  SIGXFSZ,
which a write past RLIMIT_FSIZE earns, never reaches the program on our account.

limit: 300
long: 1800
"""
from faults import *

CALM = dict(flush_ms=10, segment_bytes="64K", cpu_hz=999)


def pair(user, limits, program, out, env=None, site="fault_blocks", **values):
    """The program under limits, bare and profiled: the trace, or None, and what was said."""
    wrap = ["prlimit", *limits, "--"] if limits else []
    command = [user.file(program[0]), *program[1:]]
    bare = run([*wrap, *command], user)
    ran = run([*wrap, *words(command, env=dict(preload(user, out=out, **CALM, **values),
                                               **(env or {})))], user)
    check((ran.status, without_calls(ran)) == (bare.status, without_calls(bare)), user.name, out,
          "changed the program:", ran.status, ran.out, ran.err, "bare", bare.status, bare.out, bare.err)
    said = one_line(ran.err.replace(bare.err, b"", 1), f"{user.name} {out}")
    trace = user.home / out
    if not segments(trace):
        check("nothing can be recorded" in said or bare.status, user.name, out, "no trace, no reason", said)
        return None, said
    check_good(trace, out)
    p, made = Profile(trace), ran.rows("calls")
    if made:  # else a limit ended it, bare and profiled
        account(p, f"{user.name} {out}:", made[0][0], site)
    return p, said


# low from the start
START = {"nofile": (4, 8, 5, 16, 64), "fsize": (0, 1, 4096, 100000),
         "stack": (65536, 1 << 20, "unlimited"), "memlock": (0, 65536),
         "as": (600000000, 1200000000), "nproc": (0,), "sigpending": (0, 2)}
runs = 0
for user in users():
    for limit, values in START.items():
        for value in values if LONG else values[:2]:
            for engine in ENGINES if LONG or user.name == "self" else ("auto",):
                p, said = pair(user, [f"--{limit}={value}"], (W / "w_fault", W / "p_alpha.so"),
                               f"{limit}-{value}-{engine}", heap_bytes=1, cpu=engine)
                runs += 1
                if limit == "fsize" and value == 0:
                    check(p is None and "File too large" in said, "fsize 0:", said)
                if limit == "sigpending" and engine == "timer" and p and value == 0:
                    check(any("RLIMIT_SIGPENDING" in e["text"] for e in p.events), p.events)
measured("faults", "limits low from the start (-n 4..64 (with 3 no library can be loaded, libc included), -f, -s, -l, -v, -u, -i)",
         f"{runs} runs, both engines, root and nobody", "programs unchanged, no SIGXFSZ")

# lowered while it runs
runs = lost = 0
for user in users():
    for kind in ("as", "data", "nofile", "fsize", "nproc", "memlock", "sigpending", "stack", "all"):
        for engine in ENGINES if LONG or kind in ("fsize", "all") else ENGINES[:1]:
            for value in (0, 1 << 20) if LONG else (0,):
                p, said = pair(user, [], (W / "w_fault_limit", kind, value, 1000 if LONG else 150),
                               f"lower-{kind}-{value}-{engine}", site="limit_blocks", heap_bytes=1, cpu=engine)
                check(p and (p.count(is_sampled) or p.raw["heap"]), kind, "nothing from before the limit")
                runs += 1
                lost += any(p.losses.values())
                if kind == "fsize" and value == 0:
                    check("bytes could not be written" in said, "fsize lowered:", said)
measured("faults", "limits that the program lowers while it runs, down to nothing, each and all",
         f"{runs} runs, both engines, root and nobody",
         f"programs unchanged, no SIGXFSZ; {lost} traces with counted losses")

mostly_exact(0.5)  # a lowered limit ends writing, or the end of the writer's work

# locked memory: what we have mapped counts for MCL_CURRENT, by an ordinary user
for user in users():
    for megabytes in (8, 64):
        wrap = ["prlimit", f"--memlock={megabytes << 20}", "--"]  # by root: it may be raised
        if run([*wrap, "true"]).status:
            note("no more locked memory than", megabytes, "MiB to be had")
            continue
        program = [user.file(W / "w_fault_limit"), "lock", 0, 50]
        setting = preload(user, out=f"lock-{megabytes}", **CALM)
        bare = run([*wrap, *words(program, user)], cwd=user.home)
        ran = run([*wrap, *words(program, user, setting)], cwd=user.home)
        check(ran.status == bare.status and not ran.err, "mlockall:", ran.status, ran.err)
        note(user.name, megabytes, "MiB:", bare.rows("lock"), ran.rows("lock"))
        check(ran.rows("lock")[0] in (bare.rows("lock")[0], [12]), "mlockall says", ran.rows("lock"))
        prof("check", user.home / f"lock-{megabytes}")
        if LONG:
            measured("faults", f"mlockall(MCL_CURRENT | MCL_FUTURE), ulimit -l {megabytes} MiB, as "
                     + user.name, "bare, profiled",
                     f"errno {bare.rows('lock')[0][0]}, {ran.rows('lock')[0][0]}")

# a memory cgroup with room for the program and little more: pages of ours count
group = pathlib.Path("/sys/fs/cgroup/memory/libprof-test-%d" % os.getpid())
try:
    group.mkdir()
except OSError as e:
    note("no memory cgroup can be made:", e)
else:
    try:
        for megabytes in (4, 8, 16):
            (group / "memory.limit_in_bytes").write_text(str(megabytes << 20))
            enter = ["sh", "-c", f"echo $$ > {group}/cgroup.procs; exec \"$@\"", "sh"]
            bare = run([*enter, W / "w_fault", W / "p_alpha.so"])
            ran = run([*enter, *words([W / "w_fault", W / "p_alpha.so"],
                                      env=preload(out=f"group-{megabytes}", heap_bytes=1, **CALM))])
            note(f"cgroup of {megabytes} MiB: bare", bare.status, "profiled", ran.status)
            check(ran.status == bare.status or megabytes == 4, "in a memory cgroup of", megabytes,
                  "MiB:", ran.status)
            if segments(HOME / f"group-{megabytes}"):
                prof("check", HOME / f"group-{megabytes}")
            if ran.rows("calls") and segments(HOME / f"group-{megabytes}"):
                account(Profile(HOME / f"group-{megabytes}"), f"cgroup {megabytes} MiB:",
                        ran.rows("calls")[0][0])
    finally:
        for _ in range(100):  # the last process may not be gone yet
            try:
                group.rmdir()
                break
            except OSError:
                pass
