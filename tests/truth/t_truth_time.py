#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""When things happened: each CPU sample and each allocation of a program that keeps a log of
its own lies where the log says, to 1 ms, by the time of day (process.start_real_ns + t_ns)
and by CLOCK_MONOTONIC; and the merged stream of all threads, CPU and heap, never runs
backwards.  Both engines, as root and as an ordinary user, and

- stopped for a third of a second (SIGSTOP) halfway: a stand-in for a suspend;
- under a preloaded library, before ours and after, that makes libc's clocks jump by an hour
  and back at every other look: a stand-in for clock steps;
- in time namespaces whose CLOCK_MONOTONIC is far from the kernel's, which is perf's; together
  with a process outside, both stand on one axis;
- where 50 ms pass between the library's looks at its two clocks (strace delays every other
  clock_gettime of the kernel's), as on a machine too busy to let it go on.

The machine's own clock is not stepped, nor is it suspended: there is one CLOCK_REALTIME for
all that runs on it (time namespaces have only CLOCK_MONOTONIC and CLOCK_BOOTTIME of their own).
Times are CLOCK_MONOTONIC's, which no step moves, and which stands still in a suspend, as CPU
clocks do.  Nothing here is an estimate.

limit: 120
long: 300
false: 0
"""
import signal

from lib import *

TURNS = 200 if LONG else 10
OFF_NS = 1_000_000
NAMESPACES = ROOT and run(["unshare", "-T", "--monotonic", 1, "--fork", "true"]).status == 0
worst = {"real": 0, "mono": 0}
events = 0


def lines_of(*traces):
    done = run([PROF, "json", "--lines", *traces], cwd=HOME)
    # what a starved writer lost is said here, too
    check(done.status == 0 and b"order of time" not in done.err, "json --lines:", done.err.decode())
    return [json.loads(line) for line in done.out.splitlines()]


def outside(t, log, clock):
    """How far t is from the nearest (before, after) of a log."""
    at = ("real", "mono").index(clock)
    return min(max(0, m[at] - t, t - m[at + 2]) for m in log)


def look(trace, ran, what):
    global events
    profile = Profile(trace)
    process, lost = profile.process, sum(profile.losses[name] for name in ALLOC_LOSSES)
    start = {"real": process["start_real_ns"], "mono": process["start_mono_ns"]}
    burns, allocs = {}, {size: (tid, [when]) for size, tid, *when in ran.rows("alloc")}
    for tid, *when in ran.rows("burn"):
        burns.setdefault(tid, []).append(when)
    lines, found, samples = lines_of(trace), set(), 0
    back = [(a["t_ns"], b["t_ns"]) for a, b in zip(lines, lines[1:]) if b["t_ns"] < a["t_ns"]]
    check(not back, what, "the stream runs backwards:", back[:3])
    for line in lines:
        log = None
        if line["kind"] == "sample" and "time_burn" in line["stack"]:
            log, samples = burns[line["tid"]], samples + 1
        elif line["weight"] in allocs and "thread_body" in line["stack"]:
            tid, log = allocs[line["weight"]]
            check(tid == line["tid"], what, line, "is thread", tid)
            found.add(line["weight"])
        for clock in start if log else ():
            off = outside(start[clock] + line["t_ns"], log, clock)
            check(off <= OFF_NS, what, line["kind"], "at", line["t_ns"], "is", off, "ns off by",
                  clock)
            worst[clock], events = max(worst[clock], off), events + 1
    check(len(allocs) == 3 * TURNS <= len(found) + lost, what, len(found), "allocations of",
          len(allocs), lost, "lost")
    check(samples + profile.losses["cpu_ring_full"] >= TURNS, what, samples, "samples")


def stopped(command, user, env, what):
    """Runs a program that stops itself, and lets it go on."""
    child = subprocess.Popen(words(command, user, env), cwd=user.home, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    stat = pathlib.Path(f"/proc/{child.pid}/stat")
    wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", what + " to stop")
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGCONT)
    out, err = child.communicate(timeout=50)
    return Ran(child.returncode, out, err)


def conditions(user, engine):
    """(name, what to run)"""
    program = [user.file(W / "w_truth_time"), TURNS]
    setting = dict(cpu=engine, cpu_hz=499, heap_bytes=1)

    def profiled(out, *wrap, args=(), start=run, extra=None):
        env = preload(user, out=out, **setting)
        if extra:
            env["LD_PRELOAD"] = extra(env["LD_PRELOAD"])
        inner = [*wrap, "env", *(f"{k}={v}" for k, v in env.items()), *program, *args]
        return out, lambda: start(inner, user, {}, **({"what": out} if start is stopped else {}))

    yield profiled(f"plain-{engine}")
    if user.name != "self":
        return
    yield profiled(f"stopped-{engine}", args=("stop",), start=stopped)
    shim = user.file(W / "p_clock.so")
    yield profiled(f"jumps-before-{engine}", args=("raw",), extra=lambda lib: f"{shim}:{lib}")
    yield profiled(f"jumps-after-{engine}", args=("raw",), extra=lambda lib: f"{lib}:{shim}")
    yield profiled(f"apart-{engine}", "strace", "-f", "-qq", "-o", "/dev/null", "-e",
                   "trace=clock_gettime", "-e",
                   "inject=clock_gettime:delay_enter=50000:when=1..9+2")
    for offset in (18000, 1000000) if NAMESPACES else ():
        inside = ["unshare", "-T", "--monotonic", offset, "--boottime", offset, "--fork"]
        yield profiled(f"namespace-{offset}-{engine}", *inside)


def look_at_both(user, engine):
    """One axis for a process inside a time namespace and one outside of it."""
    outside, inside = user.home / f"plain-{engine}", user.home / f"namespace-18000-{engine}"
    if not inside.exists():
        return
    starts = [json.loads(prof("json", t))["process"]["start_real_ns"] for t in (outside, inside)]
    lines = lines_of(outside, inside)
    tids = {line["tid"] for line in lines_of(inside)}
    first = {line["tid"] in tids: line["t_ns"] for line in reversed(lines)}
    alone = {line["tid"] in tids: line["t_ns"]
             for line in reversed(lines_of(outside) + lines_of(inside))}
    off = abs(first[True] - alone[True] - (starts[1] - starts[0]))
    check(first[False] == alone[False] and off <= OFF_NS, engine, "inside a time namespace:", off,
          "ns off")


need("strace")
names = []
for user in users():
    for engine in ENGINES:
        for name, start in conditions(user, engine):
            ran = start()
            check(ran.status == 0 and not ran.err, name, ran.status, ran.err.decode())
            look(user.home / name, ran, f"{user.name} {name}:")
            names.append(name)
        look_at_both(user, engine)
measured("time", "a sample's or allocation's time of day is the program's own, to 1 ms",
         f"{events // 2} events in {len(names)} runs: perf and timer, "
         f"{'root and nobody' if ROOT else 'an ordinary user'}, "
         f"{'time namespaces, ' if NAMESPACES else ''}readings 50 ms apart; SIGSTOP as stand-in "
         "for a suspend, and for steps of the machine's clock a library that makes libc's jump",
         f"at most {worst['real']} ns off; by CLOCK_MONOTONIC {worst['mono']} ns")
measured("time", "merged streams never run backwards", f"the same {len(names)} runs", "none did")
if not NAMESPACES:
    measured("left out", "processes in time namespaces", "", "unshare -T is refused here")
