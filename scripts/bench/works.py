# SPDX-License-Identifier: Apache-2.0
"""The figures: each function runs its programs and yields rows of the table."""
import os
import re
import shutil
import time

from measure import BARE, LIBPROF, PERF, SHIM, Failed, Missing
from table import Row

FOREVER = 10 ** 6


def pairs(bench, notes):
    """CPU time of a malloc+free pair, nothing subtracted."""
    count = 20_000_000

    def run(variant):
        done = bench.run([bench.out / "pair", count], bench.env(variant))
        return done.number("pairs", 2) / count

    values = bench.in_turn({v: lambda v=v: run(v) for v in (BARE, SHIM, LIBPROF)},
                           bench.pick(25, 9), bench.pick(30, 8))
    least = ", ".join(f"{v} {min(values[v]):.2f}" for v in values)
    notes.append("pair: blocks of 16 to 527 bytes, one thread, by the thread's CPU clock; the "
                 f"shim only forwards.  The least of all runs, in ns: {least}.")
    yield Row("malloc+free pair, 512 KiB", "ns", values[BARE], values[LIBPROF], limit=2)
    yield Row("malloc+free pair, empty shim", "ns", values[BARE], values[SHIM])


def instructions(bench, notes):
    """The same pairs counted by callgrind, between entry and return of the loop alone."""
    if not shutil.which("valgrind"):
        raise Missing("valgrind is not installed")
    count, warm = 200_000, 4096

    def run(variant, **settings):
        # valgrind's own launcher is a program too: the library is to leave it alone
        env = bench.env(variant, CPU="off", PROGRAMS="pair", **settings)
        done = bench.run(["valgrind", "--tool=callgrind", "--trace-children=no",
                          "--toggle-collect=run_pairs",
                          f"--callgrind-out-file={bench.out / 'callgrind.out'}",
                          bench.out / "pair", count], env)
        total = re.search(r"refs:\s+([\d,]+)", done.out)
        if not total:
            raise Failed("callgrind printed no count: " + done.out[-300:])
        return int(total[1].replace(",", "")) / (count + warm)

    bare, shim = run(BARE), run(SHIM)
    notes.append("instructions: callgrind, LD_PRELOAD handed through valgrind, LIBPROF_CPU=off; "
                 "counted in the loop and what it calls, exact but for the samples taken.")
    yield Row("instructions a pair, 512 KiB", "", [bare], [run(LIBPROF)])
    yield Row("instructions a pair, nothing sampled", "", [bare], [run(LIBPROF, HEAP_BYTES="1T")])
    yield Row("instructions a pair, empty shim", "", [bare], [shim])


def perf_works(bench):
    try:
        bench.run(["perf", "record", "-q", "-e", "cpu-clock", "-o", bench.out / "perf.data",
                   "true"], bench.env(BARE))
    except Failed:
        return False
    return True


def cpu(bench, notes):
    """Time of a program 40 frames deep without frame pointers, sampled and not."""
    program = [bench.work / "w_frames40", bench.pick(2000, 700)]
    perf = ["perf", "record", "-q", "-F", "999", "-e", "cpu-clock", "-o",
            bench.out / "perf.data"]
    runs = {BARE: lambda: bench.run(program, bench.env(BARE)),
            99: lambda: bench.run(program, bench.env(LIBPROF, CPU_HZ=99)),
            999: lambda: bench.run(program, bench.env(LIBPROF, CPU_HZ=999))}
    if perf_works(bench):
        runs[PERF] = lambda: bench.run(perf + program, bench.env(BARE))
    else:
        notes.append("cpu: perf record is not there or not allowed.")
    done = bench.in_turn(runs, bench.pick(15, 7), bench.pick(140, 20))
    own = {k: [1e3 * r.number("frames", 2) / 1e9 for r in v] for k, v in done.items()}
    total = {k: [1e3 * r.cpu for r in v] for k, v in done.items()}
    wall = {k: [1e3 * r.wall for r in v] for k, v in done.items()}
    for hz in (999, 99):
        limit = 6 if hz == 999 else None
        yield Row(f"40 frames, {hz} Hz: total CPU", "ms", total[BARE], total[hz], "ratio", limit)
        yield Row(f"40 frames, {hz} Hz: the thread", "ms", own[BARE], own[hz], "ratio")
        yield Row(f"40 frames, {hz} Hz: wall time", "ms", wall[BARE], wall[hz], "ratio")
    notes.append("40 frames: the thread's time is by its own CPU clock; total CPU is that of the "
                 "whole process as wait4(2) reports it, writer included.")
    if PERF in done:
        yield Row("40 frames, perf record -F 999: the thread", "ms", own[BARE], own[PERF], "ratio")
        yield Row("40 frames, libprof 999 Hz over that perf", "ms", own[PERF], own[999], "ratio")


def samples_and_bytes(bench, argv):
    bench.remove_traces()
    bench.run(argv, bench.env(LIBPROF, CPU_HZ=999, HEAP="off"))
    size = sum(f.stat().st_size for f in bench.traces.rglob("*") if f.is_file())
    folded = bench.run([bench.prof, "folded", "--metric", "samples", bench.traces],
                       bench.env(BARE)).out
    samples = sum(int(line.rsplit(" ", 1)[1]) for line in folded.splitlines() if line)
    if samples < 1000:
        raise Failed(f"only {samples} samples")
    return samples, size / samples


def disk(bench, notes):
    """Bytes of trace for each CPU sample; the whole trace, headers and tables included."""
    script = ("import json\nt = json.dumps([{'id': i, 'name': str(i) * 3} for i in range(3000)])\n"
              f"for _ in range({bench.pick(4000, 1400)}):\n sorted(map(str, json.loads(t)))")
    for name, argv in (("40 frames", [bench.work / "w_frames40", bench.pick(5000, 3000)]),
                       ("python3", ["python3", "-c", script])):
        samples, size = samples_and_bytes(bench, argv)
        yield Row(f"trace, 999 Hz, {name}, {samples} samples", "B/sam", [], [size], None, 20)
    notes.append("trace: all bytes of the directory over all samples, LIBPROF_HEAP=off; python3 "
                 "parses JSON.")


def start_to_end(bench, notes):
    """`true`, from before its start until it has been waited for."""
    runs = {v: lambda v=v: bench.run(["/bin/true"], bench.env(v)) for v in (BARE, SHIM, LIBPROF)}
    done = bench.in_turn(runs, bench.pick(200, 60), FOREVER)
    wall = {v: [1e3 * r.wall for r in done[v]] for v in done}
    cpu_time = {v: [1e3 * r.cpu for r in done[v]] for v in done}
    yield Row("true, start to end", "ms", wall[BARE], wall[LIBPROF], limit=5)
    yield Row("true, start to end, empty shim", "ms", wall[BARE], wall[SHIM])
    yield Row("true, CPU time", "ms", cpu_time[BARE], cpu_time[LIBPROF])
    yield Row("true, CPU time, empty shim", "ms", cpu_time[BARE], cpu_time[SHIM])
    notes.append("true: from before its start until it has been waited for; the defaults, so a "
                 "trace is written each time.")


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


def peak(bench, argv, env):
    """What memory_of last saw before the program's end."""
    seen = []

    def watch(pid):
        while (now := memory_of(pid)) is not None and not ended(pid):
            seen.append(now)
            time.sleep(0.02)

    bench.run(argv, env, watch)
    return seen[-1]


def ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def memory(bench, notes):
    for name, argv, settings in (
            ("idle", [bench.work / "w_idle", 450], {}),
            ("40 frames, 999 Hz", [bench.work / "w_frames40", 500], {"CPU_HZ": 999})):
        values = bench.in_turn({v: lambda v=v: peak(bench, argv, bench.env(v, **settings))
                                for v in (BARE, LIBPROF)}, bench.pick(11, 7), FOREVER)
        bare, used = ([x[0] for x in values[v]] for v in (BARE, LIBPROF))
        rings = [x[1] for x in values[LIBPROF]]
        yield Row(f"resident memory, {name}", "MiB", bare, used, limit=16)
        yield Row(f"memory of perf's rings, {name}", "MiB", [], rings, None)
    notes.append("memory: VmHWM as last seen before the end, pages of libraries included; the "
                 "rings are the kernel's and come on top.")


def syscalls(bench, notes):
    """Two lengths of sleep: the difference leaves out start and end."""
    if not shutil.which("strace"):
        raise Missing("strace is not installed")
    short, long = 700, bench.pick(8700, 4700)

    def count(variant, ms):
        log = bench.out / "strace.out"
        env = bench.env(variant)
        preload = ["-E", "LD_PRELOAD=" + env.pop("LD_PRELOAD")] if "LD_PRELOAD" in env else []
        bench.run(["strace", "-f", "-c", "-U", "calls,name", "-o", log, *preload,
                   bench.work / "w_idle", ms], env)
        total = re.search(r"(\d+)\s+total", log.read_text(encoding="utf-8"))
        if not total:
            raise Failed("strace printed no total")
        return int(total[1])

    used = [(count(LIBPROF, long) - count(LIBPROF, short)) * 1000 / (long - short)]
    bare = [(count(BARE, long) - count(BARE, short)) * 1000 / (long - short)]
    notes.append("syscalls: strace -f -c of an idle program, all threads; a sleep of "
                 f"{long} ms less one of {short} ms.")
    yield Row("system calls a second, idle", "", bare, used)


def forks(bench, notes):
    """The forking program is profiled, what it executes is not."""
    count = 300

    def run(variant):
        done = bench.run([bench.out / "forks", count], bench.env(variant))
        return done.number("forks", 2) / count / 1000, 1e6 * done.cpu / count

    values = bench.in_turn({v: lambda v=v: run(v) for v in (BARE, SHIM, LIBPROF)},
                           bench.pick(15, 7), bench.pick(25, 7))
    for i, what in ((0, "wall"), (1, "CPU")):
        bare, shim, used = ([x[i] for x in values[v]] for v in (BARE, SHIM, LIBPROF))
        yield Row(f"fork + exec of true, {what}", "us", bare, used)
        yield Row(f"fork + exec of true, {what}, empty shim", "us", bare, shim)
    notes.append("fork: parent profiled, environment of what is executed empty; CPU is the "
                 "parent's, its threads' and its children's.")


WORKS = {"pairs": pairs, "instructions": instructions, "cpu": cpu, "disk": disk,
         "true": start_to_end, "memory": memory, "syscalls": syscalls, "forks": forks}
