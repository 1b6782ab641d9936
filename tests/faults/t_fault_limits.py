#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Limits that are low at the start (t_host_limits.py has more of them), limits that the
program lowers while it runs, a memory cgroup, and memory that is locked.  SIGXFSZ,
which a write past RLIMIT_FSIZE earns, never reaches the program on our account.

limit: 300
long: 1800
"""
import errno

from faults import *

CALM = dict(flush_ms=10, segment_bytes="64K", cpu_hz=999)
# What a limit may cost beside engines, each counted in the trace.
MAY_LOSE = {"as": ("no_stack", "stack_table_full", "live_table_full", "thread_table_full",
                   "unknown_thread"),
            "nofile": ("write_failed", "no_stack"), "fsize": ("write_failed",)}
MAY_LOSE["data"], MAY_LOSE["all"] = MAY_LOSE["as"], MAY_LOSE["as"] + MAY_LOSE["nofile"]
# What is said where nothing could be recorded.
ERRORS = {"as": (errno.ENOMEM, errno.EAGAIN), "nofile": (errno.EMFILE,), "fsize": (errno.EFBIG,),
          "nproc": (errno.EAGAIN,)}


def pair(user, limits, program, out, env=None, site="fault_blocks", kind=None, **values):
    """The program under limits, bare and profiled: the trace, or None, and what was said."""
    wrap = ["prlimit", *limits, "--"] if limits else []
    command = [user.file(program[0]), *program[1:]]
    bare = run([*wrap, *command], user)
    ran = run([*wrap, *words(command, env=dict(preload(user, out=out, **CALM, **values),
                                               **(env or {})))], user)
    what = f"{user.name} {out}:"
    check((ran.status, without_calls(ran)) == (bare.status, without_calls(bare)), what,
          "changed the program:", ran.status, ran.out, ran.err, "bare", bare.status, bare.out,
          bare.err)
    if b"cannot be preloaded" in ran.err:  # ld.so's word: no room for the library itself
        check(kind == "as" and ran.err.count(b"\n") == 1, what, ran.err)
        return None, ran.err.decode()
    said = one_line(ran.err.replace(bare.err, b"", 1), what)
    trace = user.home / out
    if not segments(trace):
        named = any(f": {os.strerror(e)}\n" in said for e in ERRORS.get(kind, ()))
        check("nothing can be recorded" in said and (named or kind is None) or bare.status == 127,
              what, "no trace, no reason", said)
        return None, said
    check_good(trace, out)
    p, made = Profile(trace), ran.rows("calls")
    if kind and "cpu" in values:
        check_reasons(p, what, values["cpu"], MAY_LOSE.get(kind, ()))
    if made:  # else a limit ended it, bare and profiled
        account(p, what, made[0][0], site)
    return p, said


# low from the start
START = {"nofile": (4, 64, 8, 5, 16), "fsize": (0, 1, 4096, 100000),
         "stack": (65536, 1 << 20, "unlimited"), "memlock": (0, 65536),
         "as": (600000000, 1200000000), "nproc": (0,), "sigpending": (0, 2)}


def low_from_the_start():
    runs = 0
    for user in users():
        for limit, values in START.items():
            for value in values if LONG else values[:2]:
                for engine in ENGINES if LONG or user.name == "self" else ("auto",):
                    p, said = pair(user, [f"--{limit}={value}"], (W / "w_fault", W / "p_alpha.so"),
                                   f"{limit}-{value}-{engine}", kind=limit, heap_bytes=1,
                                   cpu=engine)
                    runs += 1
                    if limit == "fsize" and value == 0:
                        check(p is None and "File too large" in said, "fsize 0:", said)
                    if limit == "sigpending" and engine == "timer" and p and value == 0:
                        check(any("RLIMIT_SIGPENDING" in e["text"] for e in p.events), p.events)
    measured("faults", "limits low from the start (-n 4..64 (with 3 no library can be loaded, "
             "libc included), -f, -s, -l, -v, -u, -i)",
             f"{runs} runs, both engines, root and nobody",
             "programs unchanged, no SIGXFSZ, reasons named")


def needed_bytes():
    """The least RLIMIT_AS, to 1 MiB, under which the program runs bare as without it."""
    program = [W / "w_fault_calls"]
    free, most = run(program), 1 << 28
    least = 1 << 20
    while most - least > 1 << 20:
        middle = (least + most) // 2
        ran = run(["prlimit", f"--as={middle}", "--", *program])
        least, most = (least, middle) if (ran.status, ran.out) == (free.status, free.out) else \
            (middle, most)
    return most


def tight_address_space():
    """From 2 MiB more than the program itself needs (with less the loader has no room for the
    library; README, Limits), a step at a time, to where all of the library has room: in
    between it does without what it could not have, and says so."""
    need, found = needed_bytes(), {}
    program = [W / "w_fault_calls"]
    usable = [engine for engine in ENGINES if pair(users()[0], [], program, f"as-{engine}", cpu=engine,
                                                   heap_bytes=1)[0].cpu_engine == engine]
    for more in range(2 << 20, 66 << 20, (1 if LONG else 4) << 20):
        for engine in usable if LONG else usable[:1]:
            p, said = pair(users()[0], [f"--as={need + more}"], (W / "w_fault_calls",),
                           f"as-{more >> 20}-{engine}", kind="as", heap_bytes=1, cpu=engine)
            check("cannot be preloaded" not in said, more, "more bytes:", said)
            state = "none" if not p else "all" if p.cpu_engine == engine and not \
                lost_names(p) - BY_LOAD and not any(e["text"] for e in p.events) else "part"
            found[state] = found.get(state, 0) + 1
    check(found.get("none") and found.get("all"), "the values are not tight:", found)
    measured("faults", f"-v from 2 to 66 MiB more than the {need >> 20} MiB that the program needs",
             f"{sum(found.values())} runs", "unchanged; nothing could be recorded in "
             f"{found['none']}, part in {found.get('part', 0)}, all in {found['all']}; each reason "
             "named")


def lowered_while_it_runs():
    runs = lost = 0
    for user in users():
        for kind in ("as", "data", "nofile", "fsize", "nproc", "memlock", "sigpending", "stack",
                     "all"):
            for engine in ENGINES if LONG or kind in ("fsize", "all") else ENGINES[:1]:
                for value in (0, 1 << 20) if LONG else (0,):
                    p, said = pair(user, [], (W / "w_fault_limit", kind, value,
                                              1000 if LONG else 150),
                                   f"lower-{kind}-{value}-{engine}", site="limit_blocks", kind=kind,
                                   heap_bytes=1, cpu=engine)
                    check(p and (p.count(is_sampled) or p.raw["heap"]), kind,
                          "nothing from before the limit")
                    runs += 1
                    lost += any(p.losses.values())
                    if kind == "fsize" and value == 0:
                        check("bytes could not be written" in said, "fsize lowered:", said)
    measured("faults", "limits that the program lowers while it runs, down to nothing, each and all",
             f"{runs} runs, both engines, root and nobody",
             f"programs unchanged, no SIGXFSZ; {lost} traces with counted losses")


def unused_user():
    """One that has no task, so that a limit on tasks is met by ours and the program's alone."""
    used = {os.stat(d).st_uid for d in pathlib.Path("/proc").glob("[0-9]*") if d.exists()}
    return next(uid for uid in range(64000, 65000) if uid not in used)


def last_task():
    """Where -u leaves no room for the threads of ours, two under perf and one without, the program
    is refused as many, with EAGAIN, as it is told without us one step below; README, Limits.
    Nothing worse."""
    if not ROOT:
        measured("left out", "-u to the last task", "", "needs a user without other tasks")
        return
    threads, uid = 3, unused_user()
    user = users()[1]
    home = user.home / "tasks"
    home.mkdir()
    os.chown(home, uid, uid)
    as_user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=-all"]
    program = [user.file(W / "w_fault_tasks"), threads]
    for engine in ENGINES:
        most = 2 if engine == "perf" else 1
        for limit in range(1, threads + 4):
            what, out = f"-u {limit} {engine}:", f"tasks-{limit}-{engine}"
            before = ["prlimit", f"--nproc={limit}", "--", *as_user]
            bare = run([*before, *program], cwd=home)
            ran = run([*before, *words(program, env=preload(user, out=out, cpu=engine, heap_bytes=1,
                                                            **CALM))], cwd=home)
            said = one_line(ran.err, what)
            check(ran.status == bare.status == 11, what, "status", ran.status, bare.status, ran.err)
            ours = min(most, limit - 1)
            for r, made in ((bare, min(threads, limit - 1)), (ran, min(threads, limit - 1 - ours))):
                refused = [[errno.EAGAIN]] * (threads - made)
                check((r.rows("made"), r.rows("refused")) == ([[made]], refused), what,
                      "bare" if r is bare else "profiled", r.out)
            if limit == 1:
                check(not (home / out).exists() and "no thread could be created" in said
                      and os.strerror(errno.EAGAIN) in said, what, "says", said)
                continue
            check(not said, what, "says", said)
            check_good(home / out, what)
            p = account(Profile(home / out), what, ran.rows("calls")[0][0], "fault_blocks")
            check_reasons(p, what, engine)
            bell = any("no eventfd(2) or thread" in e["text"] for e in p.events)
            check(bell == (limit == 2 and most == 2), what, p.events)
    measured("faults", f"-u from 1 to {threads + 3} tasks, of a program with {threads + 1}",
             f"{2 * (threads + 3)} runs, both engines",
             "the program is refused as many threads as the library has, at most two, with EAGAIN; "
             "traces valid")


def locked_memory():
    """What we have mapped counts for MCL_CURRENT, by an ordinary user."""
    for user in users():
        for megabytes in (8, 64):
            wrap = ["prlimit", f"--memlock={megabytes << 20}", "--"]  # by root: it may be raised
            what = f"mlockall(MCL_CURRENT | MCL_FUTURE), ulimit -l {megabytes} MiB, as {user.name}"
            if run([*wrap, "true"]).status:
                measured("left out", what, "", "no more locked memory is to be had")
                continue
            program = [user.file(W / "w_fault_limit"), "lock", 0, 50]
            setting = preload(user, out=f"lock-{megabytes}", **CALM)
            bare = run([*wrap, *words(program, user)], cwd=user.home)
            ran = run([*wrap, *words(program, user, setting)], cwd=user.home)
            check(ran.status == bare.status and not ran.err, "mlockall:", ran.status, ran.err)
            note(what, bare.rows("lock"), ran.rows("lock"))
            check(ran.rows("lock")[0] in (bare.rows("lock")[0], [12]), "mlockall says",
                  ran.rows("lock"))
            check_good(user.home / f"lock-{megabytes}", what)
            if LONG:
                measured("faults", what, "bare, profiled",
                         f"errno {bare.rows('lock')[0][0]}, {ran.rows('lock')[0][0]}")


def new_group():
    """(directory of a memory cgroup, its limit's file), or why there is none: of version 1,
    or of 2 where it hands the controller on."""
    reasons = []
    for top, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                       ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(top) / f"libprof-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError as e:
            reasons.append(f"{top}: {e.strerror}")
            continue
        if (group / limit).exists():
            return group, group / limit
        group.rmdir()
        reasons.append(f"{top}: no {limit}")
    return None, "; ".join(reasons)


def end_group(group):
    for _ in range(100):  # the last process may not be gone yet
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.01)


def in_group(group, limit, megabytes):
    """The program where there is room for it and little more: pages of ours count."""
    limit.write_text(str(megabytes << 20))
    enter = ["sh", "-c", f"echo $$ > {group}/cgroup.procs; exec \"$@\"", "sh"]
    program, out = [W / "w_fault", W / "p_alpha.so"], f"group-{megabytes}"
    bare = run([*enter, *program])
    ran = run([*enter, *words(program, env=preload(out=out, heap_bytes=1, **CALM))])
    note(f"cgroup of {megabytes} MiB: bare", bare.status, "profiled", ran.status)
    check(ran.status == bare.status or megabytes == 4, "in a memory cgroup of", megabytes,
          "MiB:", ran.status)
    trace = HOME / out
    if segments(trace):
        check_good(trace, out)
        if ran.rows("calls"):
            account(Profile(trace), f"cgroup {megabytes} MiB:", ran.rows("calls")[0][0])
    return f"{megabytes} MiB: {'unchanged' if ran.status == bare.status else 'killed for want of it'}"


def memory_group():
    group, limit = new_group()
    if not group:
        measured("left out", "a memory cgroup", "", limit)
        note("no memory cgroup can be made:", limit)
        return
    try:
        found = [in_group(group, limit, megabytes) for megabytes in (4, 8, 16)]
        version = 1 if limit.name == "memory.limit_in_bytes" else 2
        measured("faults", f"a memory cgroup (version {version}) with little more than the program's "
                 "room", "3 sizes", "; ".join(found))
        measured("left out", f"a memory cgroup of version {3 - version}", "",
                 f"this machine has them of version {version}")
    finally:
        end_group(group)


low_from_the_start()
tight_address_space()
last_task()
lowered_while_it_runs()
mostly_exact(0.5)  # a lowered limit ends writing, or the end of the writer's work
locked_memory()
memory_group()
