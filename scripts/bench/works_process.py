# SPDX-License-Identifier: Apache-2.0
"""The figures of a process: start and end, memory, threads, libraries, system calls, forks."""
import os
import re
import shutil
import time

from measure import BARE, FOREVER, Failed, Missing, ended, need
from table import Row


def start_to_end(bench, notes):
    """`true`, from before its start until it has been waited for."""
    chosen = [BARE, bench.shim, bench.libprof(out=bench.in_memory)]
    if bench.has_engine:
        chosen.append(bench.engine(94)._replace(name="engine"))
    done = bench.compare(["/bin/true"], chosen, bench.pick(200, 60), FOREVER)
    where = bench.in_memory.parent
    bench.remove_in_memory()
    wall = {v: [1e3 * r.wall for r in results] for v, results in done.items()}
    cpu_time = {v: [1e3 * r.cpu for r in results] for v, results in done.items()}
    yield Row("true, start to end", "ms", wall["bare"], wall["libprof"], limit=2)
    yield Row("true, start to end: an empty shim", "ms", wall["bare"], wall["shim"], bound=True)
    if "engine" in wall:
        yield Row("true, start to end: perf's events and rings alone", "ms", wall["bare"],
                  wall["engine"], bound=True)
    yield Row("true, CPU time", "ms", cpu_time["bare"], cpu_time["libprof"])
    yield Row("true, CPU time: an empty shim", "ms", cpu_time["bare"], cpu_time["shim"],
              bound=True)
    faults = {v: [r.faults for r in results] for v, results in done.items()}
    yield Row("true, page faults", "", faults["bare"], faults["libprof"], counted=True)
    yield Row("true, page faults: an empty shim", "", faults["bare"], faults["shim"], counted=True,
              bound=True)
    notes.append("true: from before its start until it has been waited for; the defaults, so a "
                 f"trace is written each time, in {where}: ext4 looks through all inodes freed in "
                 "the last minutes before it gives one out, and would charge the traces that "
                 "these runs have left to the next one.")


PERF_FORGETS_S = 1.3  # the kernel's switch goes off one second after the last event


def first_to_use_perf(bench, notes):
    """`true` where no process has used perf for a while, as on most machines."""
    if not bench.has_engine:
        raise Missing("perf events are not allowed")
    chosen = [BARE, bench.engine(94)._replace(name="engine"), bench.libprof(out=bench.in_memory),
              bench.libprof(out=bench.in_memory, CPU="timer")._replace(name="timer")]

    def run(variant):
        time.sleep(PERF_FORGETS_S)
        return 1e3 * bench.run(["/bin/true"], variant).wall

    runs = {v.name: lambda v=v: run(v) for v in chosen}
    ms = bench.in_turn(runs, 3, FOREVER)
    bench.remove_in_memory()
    name = "true, the first on the machine to use perf"
    yield Row(name, "ms", ms["bare"], ms["libprof"])
    yield Row(f"{name}: perf's events and rings alone", "ms", ms["bare"], ms["engine"],
              bound=True)
    yield Row(f"{name}: by the timer engine, which does not", "ms", ms["bare"], ms["timer"])
    notes.append(f"the first to use perf: after {PERF_FORGETS_S} s without an event anywhere. The "
                 "first event of a process switches hooks on in the kernel's scheduler, and waits "
                 "until all CPUs have seen it (an RCU grace period), in perf_event_open.")


def memory_of(pid):
    """MiB of a process: VmHWM and its mappings of perf rings; None once it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file)
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            rings = [line.split()[0].split("-") for line in file if "[perf_event]" in line]
        return (int(fields["VmHWM"].split()[0]) / 1024,
                sum(int(end, 16) - int(start, 16) for start, end in rings) / 2 ** 20)
    except (OSError, KeyError):
        return None  # a zombie has no memory


def peak(bench, argv, variant):
    """What memory_of last saw before the program's end, and the most of the rings."""
    seen = []

    def watch(pid):
        while (now := memory_of(pid)) is not None and not ended(pid):
            seen.append(now)
            time.sleep(0.02)

    bench.run(argv, variant, watch)
    if not seen:
        raise Failed(f"{argv[0]} ended before its memory could be read")
    return seen[-1][0], max(rings for _, rings in seen)


def memory(bench, notes):
    storm_ms = bench.pick(2500, 1500)
    for name, argv, settings, limit in (
            ("at start, idle", [bench.work / "w_idle", 450], {}, 6),
            ("40 frames, 999 Hz", [bench.work / "w_frames40", 500], {"CPU_HZ": 999}, None),
            ("storm of 1 GiB/s", [bench.out / "storm", 1024, storm_ms], {}, 32)):
        runs = {v.name: lambda v=v, a=argv: peak(bench, a, v)
                for v in (BARE, bench.libprof(**settings))}
        values = bench.in_turn(runs, 3, FOREVER)
        base = [x[0] for x in values["bare"]]
        used = [x[0] + x[1] for x in values["libprof"]]
        yield Row(f"memory, {name}: resident and rings", "MiB", base, used, limit=limit,
                  counted=True)
        yield Row(f"memory, {name}: of that perf's rings", "MiB", [],
                  [x[1] for x in values["libprof"]], counted=True)
    notes.append("memory: VmHWM as last seen before the end, pages of libraries included, and the "
                 f"rings, which are the kernel's and come on top; {len(os.sched_getaffinity(0))} "
                 "CPUs usable.")


def crowd(bench, notes):
    """5,000 live threads: what each adds, and how long they take to come and go."""
    count = 5000
    runs = {}
    for variant in (BARE, bench.libprof()):
        for n in (0, count):
            runs[variant.name, n] = (lambda v=variant, n=n: peak(
                bench, [bench.out / "crowd", n, 700], v)[0])
    seen = bench.in_turn(runs, 3, FOREVER)
    each = {name: [1024 * (many - none) / count
                   for none, many in zip(seen[name, 0], seen[name, count])]
            for name in ("bare", "libprof")}
    yield Row(f"memory a thread, {count} alive", "KiB", each["bare"], each["libprof"], limit=4,
              counted=True)
    done = bench.compare([bench.out / "crowd", count, 50], (BARE, bench.libprof()),
                         bench.pick(9, 7), bench.pick(25, 12))
    for n, what in ((2, "to create"), (3, "to end")):
        us = {v: [r.number("crowd", n) / count / 1e3 for r in results]
              for v, results in done.items()}
        yield Row(f"{count} threads at once: {what}", "us", us["bare"], us["libprof"])
    notes.append("a thread: VmHWM with 5,000 threads that have each allocated, less that of the "
                 "program without them, over 5,000.")


def make_libraries(bench, count):
    """Copies of one small library, each a file of its own; the directory."""
    where = bench.out / "copies"
    where.mkdir(exist_ok=True)
    for n in range(count):
        path = where / f"{n:04}.so"
        if not path.exists():
            shutil.copyfile(bench.out / "lib.so", path)
    return where


def libraries(bench, notes):
    """2,000 mapped libraries: loading them, and computing in all."""
    count = 2000
    where = make_libraries(bench, count)
    chosen = (BARE, bench.libprof(CPU_HZ=99))
    done = bench.compare([bench.out / "libs", where, count, 300], chosen, bench.pick(9, 7),
                         bench.pick(25, 15))
    load = {v: [r.number("libs", 2) / count / 1e3 for r in results] for v, results in done.items()}
    total = {v: [1e3 * r.cpu for r in results] for v, results in done.items()}
    yield Row(f"{count} libraries, 99 Hz: loading one", "us", load["bare"], load["libprof"])
    yield Row(f"{count} libraries, 99 Hz: total CPU", "ms", total["bare"], total["libprof"],
              "ratio")
    notes.append("libraries: copies of one small library, each loaded with dlopen by the thread's "
                 "CPU clock; then 0.3 s of computing that goes round in all of them.")


def syscalls(bench, notes):
    """Two lengths of sleep: the difference leaves out start and end."""
    need("strace")
    short, long = 700, bench.pick(5700, 3700)

    def count(variant, ms):
        log = bench.out / "strace.out"
        # strace itself is not to be profiled
        words = [w for k, v in variant.env.items() for w in ("-E", f"{k}={v}")]
        bench.run([bench.work / "w_idle", ms], variant._replace(
            prefix=("strace", "-f", "-c", "-U", "calls,name", "-o", str(log), *words), env={}))
        total = re.search(r"(\d+)\s+total", log.read_text(encoding="utf-8"))
        if not total:
            raise Failed("strace printed no total")
        return int(total[1])

    seen = {v.name: [(count(v, long) - count(v, short)) * 1000 / (long - short)]
            for v in (BARE, bench.libprof())}
    yield Row("system calls a second, idle", "", seen["bare"], seen["libprof"], limit=10,
              counted=True)
    notes.append("system calls: strace -f -c of an idle program, all threads; a sleep of "
                 f"{long} ms less one of {short} ms.")


def forks(bench, notes):
    """The forking program is profiled, what it executes is not."""
    count = bench.pick(300, 200)
    done = bench.compare([bench.out / "forks", count], (BARE, bench.shim, bench.libprof()),
                         bench.pick(11, 7), bench.pick(20, 7))
    for what, function in (("wall", lambda r: r.number("forks", 2) / count / 1e3),
                           ("CPU", lambda r: 1e6 * r.cpu / count)):
        us = {v: [function(r) for r in results] for v, results in done.items()}
        yield Row(f"fork + exec of true, {what}", "us", us["bare"], us["libprof"])
        yield Row(f"fork + exec, {what}: an empty shim", "us", us["bare"], us["shim"], bound=True)
    notes.append("fork: parent profiled, environment of what is executed empty; CPU is the "
                 "parent's, its threads' and its children's.")


WORKS = {"true": start_to_end, "first": first_to_use_perf, "memory": memory, "crowd": crowd,
         "libraries": libraries, "syscalls": syscalls, "forks": forks}
