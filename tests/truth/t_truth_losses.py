#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What was lost, throttled, switched off or changed within the times asked for is
stated below the heading of each table it touches, with when and how much, and in
the JSON; what lies outside is not.  A made trace of 20 s, in which one thing happens
in each second, is looked at whole and second by second, in every metric and with
--peek; then two processes at once, and more than a table tells.  Then a real program
whose rings overflow, because its writer hardly runs, and one that loses nothing.

Nothing here is drawn at random.  The real program makes 100 times what its rings hold
before a writer of the lowest priority, on the processor it fills, comes to run.

limit: 90
long: 120
"""
import re

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
from mktrace import CPU, MAIN, MS, PERIOD, at, map_app

S = 1000 * MS
SECONDS = 20
PERF, HEAP = 1, 2
EVERY = {"cpu", "threads", "live", "alloc", "inuse"}
# second and code: name, how many, what is wrong by it
LOSSES = {1: ("cpu_ring_full", 7, {"cpu", "threads"}),
          2: ("cpu_throttled", 3, {"cpu", "threads"}),
          3: ("timer_ring_full", 11, {"cpu", "threads"}),
          4: ("heap_ring_full", 5, {"alloc", "inuse", "live"}),
          5: ("free_ring_full", 2, {"inuse", "live"}),
          6: ("live_table_full", 13, {"alloc", "inuse", "live"}),
          7: ("stack_table_full", 17, {"cpu", "alloc", "inuse"}),
          8: ("no_stack", 6, {"cpu", "alloc", "inuse"}),
          9: ("write_failed", 4096, EVERY),
          10: ("segment_dropped", 1, EVERY),
          11: ("thread_table_full", 19, EVERY),
          12: ("unknown_thread", 23, {"cpu", "threads"}),
          13: ("creation_stack", 4, {"threads"}),
          14: ("other_records", 29, {"cpu", "threads"})}
CPU_CHANGES, HEAP_CHANGES, PAUSES, QUIET = 15, 16, 17, 18
CHANGES = {CPU_CHANGES: {"cpu", "threads"}, HEAP_CHANGES: {"alloc", "inuse", "live"}}
SECTIONS = {"cpu": "Hottest functions", "threads": r"\d+ threads?;", "live": "Allocated by thread",
            "alloc": "Allocation sites", "inuse": "Blocks alive"}
METRICS = {"cpu": "cpu", "samples": "cpu", "alloc_space": "alloc", "alloc_objects": "alloc",
           "inuse_space": "inuse", "inuse_objects": "inuse"}


def second(s, number, stack, block):
    """One sample and one block every 10 ms; flushed every 100 ms."""
    for flush in range(10):
        t0 = number * S + flush * 100 * MS
        times = [t0 + i * 10 * MS + MS for i in range(10)]
        s.samples(t0, PERIOD, [(t, 1, 0, 0, 1, stack) for t in times])
        s.heap(t0, 65536, [(t, 1, block + i + 1, 1 << 20, stack) for i, t in enumerate(times)])
        block += 10
        t = t0 + 99 * MS
        s.thread_stats(t, [(1, CPU, t, t, 0, block, block << 20)])
        s.process_stats(t, t, 1 << 20, 1 << 22, 0, 4096)
        yield flush, t
        s.frame()
    return block


def begin(pid=4242, program="app", first=0):
    s = mktrace.Trace(program, pid, bytes([pid % 251] * 16), PERIOD, 65536, settings=(),
                      start_real=1_700_000_000_000_000_000 + first).segment()
    m = map_app(s)
    stack = s.stack((m, at("_start")), (m, at("main")), (m, at("work")))
    s.thread(1, pid, program, MAIN).cumulative()
    s.engine(0, PERF, 1, 0, "perf", "").engine(0, HEAP, 1, 0, "program", "")
    s.thread_stats(0, [(1, CPU, 0, 0, 0, 0, 0)]).mark(0, 1).frame()
    return s, stack


def write(directory):
    s, stack = begin()
    for number in range(SECONDS):
        for flush, t in second(s, number, stack, number * 100):
            if flush == 5 and number in LOSSES:
                s.loss(t, number, LOSSES[number][1])
            if flush == 5 and number == CPU_CHANGES:
                s.engine(t, PERF, 0, 0, "timer", "the program took the signal")
            if flush == 5 and number == HEAP_CHANGES:
                s.engine(t, HEAP, 0, 0, "jemalloc", "its hooks are gone")
            if number == PAUSES and flush in (2, 5):
                s.mark(t, {2: 2, 5: 1}[flush])
    end = SECONDS * S
    s.mark(end, 5).end(end).write(directory, 1)


def sections(trace, *options):
    """The lines below each heading, up to the empty line."""
    text = prof("report", *options, trace)
    found = {}
    for name, title in SECTIONS.items():
        at_title = re.search("^" + title, text, re.M)
        check(at_title, "no section", title, "in", text)
        found[name] = text[at_title.start():].split("\n\n")[0]
    return found


def told(section):
    """What a section says was lost and changed: its lines of that label, joined."""
    found, label = [], None
    for line in section.splitlines()[1:]:
        if line.startswith("  ") and line[2:9].strip() and line[2] != " ":
            label = line[2:].split()[0]
            if label in ("lost", "changed", "off", "more"):
                found.append([label, line[2 + len(label):].strip()])
                continue
        elif line.startswith(" " * 11) and found and label in ("lost", "changed", "off", "more"):
            found[-1][1] += " " + line.strip()
            continue
        label = None
    return [tuple(f) for f in found]


def labels(got, label):
    return [t for x, t in got if x == label]


def check_section(name, section, first, last, what):
    """Of seconds first..last, just what touches the figures of name."""
    got = told(section)
    wanted = [n for number, (_, n, touches) in LOSSES.items()
              if first <= number < last and name in touches]
    lost = [int(t.split()[0]) for t in labels(got, "lost")]
    check(sorted(lost) == sorted(wanted), what, name, first, last, "tells", got, "wanted", wanted)
    changes = sum(first <= number < last and name in touches for number, touches in CHANGES.items())
    check(len(labels(got, "changed")) == changes, what, name, first, last, "tells", got)
    check(len(labels(got, "off")) == (first <= PAUSES < last), what, name, first, last, got)


def check_window(first, last):
    """Seconds first..last: in each section just what happened there."""
    options = ("--from", str(first), "--to", str(last))
    json_losses = {x["name"]: x for x in Profile(TRACE, *options).raw["losses"]}
    for name, section in sections(TRACE, *options).items():
        check_section(name, section, first, last, "report")
    for code, (name, n, touches) in LOSSES.items():
        loss = json_losses[name]
        check(loss["code"] == code and loss["count"] == n and
              loss["window_count"] == n * (first <= code < last), options, loss)
        check(set(loss["figures"]) == touches - {"live"}, loss)


TRACE = HOME / "made"
write(TRACE)
whole = sections(TRACE)
cpu, inuse = told(whole["cpu"]), told(whole["inuse"])
check(any("7 CPU samples lost" in t and re.search(r"1\.50 s to 1\.60 s", t) for _, t in cpu), cpu)
check(any("0.3% of all" in t for _, t in cpu), "7 of 2007 samples:", cpu)
check(any("timer off: the program took the signal, 15.6 s" in t for _, t in cpu), cpu)
check(any("jemalloc off: its hooks are gone, 16.6 s" in t for _, t in inuse), inuse)
check(any(re.match(r"sampling, 1 time, for 300 ms", t) for _, t in cpu), cpu)
for start in range(SECONDS):
    check_window(start, start + 1)
check_window(0, SECONDS)
check_window(2, 15)
quiet = prof("report", "--from", str(QUIET), TRACE)
check("losses     7 cpu_ring_full" in quiet and "(0 within these times)" in quiet,
      "losses of all times are stated on top:", quiet)

# -- Whatever the metric, and with --peek, which has no other page to say it on.
for metric, name in METRICS.items():
    for first, last in ((0, SECONDS), (QUIET, SECONDS), (3, 5), (CPU_CHANGES, PAUSES + 1)):
        times = ("--metric", metric, "--from", str(first), "--to", str(last))
        check_section(name, sections(TRACE, *times)["cpu"], first, last, metric)
        peek = prof("report", "--peek", ".", *times, TRACE)
        check_section(name, peek[peek.index("\n\n") + 1:].strip().split("\n\n")[0], first, last,
                      "--peek " + metric)
        top = peek[:peek.index("\n\n")]
        for _, (loss, n, touches) in LOSSES.items():
            check((f"{n} {loss}: " in top) == (name in touches), "--peek", metric, loss, top)
        check(re.search(r"^CPU +perf: " if name == "cpu" else r"^heap +program: ", top, re.M), top)

# what other outputs say on stderr is of the window, too
for first, wanted in ((1, b"7 CPU samples lost"), (QUIET, b"")):
    ran = run([PROF, "folded", "--from", str(first), "--to", str(first + 1), TRACE])
    check((wanted in ran.err) and bool(ran.err) == bool(wanted), "folded says", ran.err)

# -- Of several processes: all of each loss, and when for each; who paused and changed.
TWO = HOME / "two"
for pid, program, at_second in ((4242, "app", 1), (4343, "other", 3), (4444, "still", None)):
    s, stack = begin(pid, program, pid)
    for number in range(4):
        for flush, t in second(s, number, stack, number * 100):
            if number == at_second and flush == 5:
                s.loss(t, 1, 10 + number).mark(t, 2)
                s.engine(t, HEAP, 0, 0, "jemalloc", "gone")
    s.mark(4 * S, 5).end(4 * S).write(TWO / program, 1)
text = prof("report", TWO)
for title, count in (("Hottest", 1), ("3 threads;", 1), ("Allocation sites", 0),
                     ("Blocks alive", 0)):
    got = told(text[text.index(title):].split("\n\n")[0])
    lost = labels(got, "lost")
    check(len(lost) == count, title, "tells", got)
    for line in lost:
        check(line.startswith("24 CPU samples lost") and "; app-4242 11, 1.50 s to 1.60 s" in line
              and "; other-4343 13, 3.50 s to 3.60 s" in line and "still" not in line, title, line)
    off = labels(got, "off")
    check(len(off) == 2 and off[0].startswith("app-4242 sampling, 1 time, for 2.4") and
          off[1].startswith("other-4343 sampling, 1 time, for 401 ms"), title, "pauses:", off)
    changed = labels(got, "changed")
    check(changed == [] if count else changed == ["app-4242 heap jemalloc off: gone, 1.60 s",
                                                  "other-4343 heap jemalloc off: gone, 3.60 s"],
          title, "changes:", changed)

# -- More than a table tells: how many more is said.
MANY = HOME / "many"
for pid in range(5000, 5005):
    s, stack = begin(pid, "app", pid)
    for flush, t in second(s, 0, stack, 0):
        s.loss(t, 1, 1)
        if pid == 5000:
            s.engine(t, PERF, 0, 0, "timer", f"change {flush}")
    s.mark(S, 2).mark(S + 1, 1).mark(S + 2, 5).end(S + 2).write(MANY / str(pid), 1)
cpu = told(prof("report", MANY).split("Hottest")[1].split("\n\n")[0])
check(len(labels(cpu, "changed")) == 8 and labels(cpu, "more") and
      labels(cpu, "more")[0] == "and 7 more, in the output json", "10 changes, 5 pauses:", cpu)
lost, = labels(cpu, "lost")
check(lost.count("app-50") == 3 and lost.endswith("5 processes in all"), lost)


# -- A real program whose writer hardly runs, on the one processor all of it is on.
def starve(pid):
    """Every thread of the library's own gets what all others leave."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().startswith("libprof"):
                os.sched_setscheduler(int(task.name), os.SCHED_IDLE, os.sched_param(0))
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass
    return False


def check_real(trace, must):
    """Each loss is told below the tables it touches, and no other is."""
    p = Profile(trace)
    for name in must:
        check(p.losses[name], name, "was to be lost:", p.losses)
    for section, text in sections(trace).items():
        lost = sorted(int(t.split()[0]) for t in labels(told(text), "lost"))
        wanted = sorted(loss["window_count"] for loss in p.raw["losses"] if loss["window_count"]
                        and section in LOSSES[loss["code"]][2])
        check(lost == wanted, section, "tells", lost, "wanted", wanted)
    return p


def real(name, starved, *args, **values):
    cpus = os.sched_getaffinity(0)
    command = [str(W / "w_storm_flood"), *map(str, args)]
    with subprocess.Popen(command, cwd=HOME, env=dict(os.environ, **preload(out=name, **values)),
                          stdout=subprocess.DEVNULL,
                          preexec_fn=lambda: starved and os.sched_setaffinity(0, {min(cpus)})) as p:
        if starved:
            wait_for(lambda: starve(p.pid) or p.poll() is not None, "the library's thread")
    check(p.returncode == 0, command, "status", p.returncode)
    return HOME / name


for engine, ring in (("perf", "cpu_ring_full"), ("timer", "timer_ring_full")):
    trace = real(engine, True, 1.5, "small", 2, cpu=engine, cpu_hz=5000, stack_bytes=65528,
                 heap_bytes=64, heap_hz=0)
    if Profile(trace).cpu_engine != engine:
        note(engine, "is not to be had")
        continue
    p = check_real(trace, ["heap_ring_full"] + ([ring] if engine == "perf" else []))
    note(engine, p.losses)
    if engine == "perf":
        # which was told once the writer ran, of all the time that it had not
        early, = (x for x in Profile(trace, "--to", "1").raw["losses"] if x["name"] == ring)
        check(early["first_ns"] > S and early["window_count"] > 0, early)
_, trace = work("w_sites", 1, out="nothing", cpu_hz=94)
p = check_real(trace, [])
check(not any(p.losses.values()), "lost with the default settings:", p.losses)
check("\n  lost " not in prof("report", trace), "a loss is told where there is none")
measured("losses", "a loss, throttle, change of engine or pause is told below each table it "
         "touches, and only within its times", "22 windows, 17 happenings, 6 metrics, --peek, "
         "several processes, rings that overflow", "all, no other")
