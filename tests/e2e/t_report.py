#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The report agrees with the JSON: functions with file and line, sites,
threads and the row that sums the rest, callers and callees; it fits a
terminal; what makes figures rough or exact is marked."""
import re

import estimates
import mktrace
from lib import *

WIDTH = 100


def rows(text, title, end="\n\n"):
    """The lines of a section below its title, split."""
    check(title in text, "no section", title, "in", text)
    body = text[text.index(title):].split(end)[0].splitlines()[2:]
    return [line.split() for line in body]


def fits(text, what):
    wide = [line for line in text.splitlines() if len(line) > WIDTH]
    check(not wide, what, "lines wider than", WIDTH, ":", wide[:3])


def ms(text):
    """A time as the report prints it."""
    number, unit = text.lstrip("~").split() if " " in text else (text, "ns")
    return float(number) * {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1000, "h": 3.6e6}[unit]


_, trace = work("w_shares", 800, out="shares", cpu_hz=499, heap="off")
p, text = Profile(trace), prof("report", trace)
fits(text, "shares")
check("LIBPROF_CPU_HZ=499" in text and "LIBPROF_HEAP=off" in text, "settings:", text)
check("LIBPROF_FLUSH_MS" not in text, "a default among the settings:", text)
check("losses     none" in text, "losses are not stated:", text)
check("heap engine was off" in text, "why there are no sites:", text)
check(re.search(r"work_spin +\S*(work\.h|w_shares\.c):\d+", text) or
      re.search(r"work_half +\S*w_shares\.c:\d+", text), "no file and line:", text)

peek = prof("report", "--peek", "^work_(half|quarter)$", trace)
fits(peek, "peek")
for function in ("work_half", "work_quarter"):
    total = re.search(rf"^{function}\n  total ~?([\d.]+ \w+)", peek, re.M)
    check(total, "peek does not show", function, peek)
    near(ms(total[1]), p.cpu(function) / 1e6, 0.02, f"peek: total of {function}")
check(re.search(r"100%  main\b", peek), "main is not the only caller:", peek)
focus = prof("report", "--focus", "^work_half$", trace).split("Hottest")[1].split("\n\n")[0]
check("work_half" in focus and "work_quarter" not in focus,
      "--focus lets other stacks through:", focus)

ran, trace = work("w_sites", 1, out="sites", cpu="off", heap_bytes=1)
text = prof("report", "--top", "40", trace)
fits(text, "sites")
check("CPU engine was off" in text, "why there are no samples:", text)
p = Profile(trace)
functions = p.raw["functions"]
# a machine with no time for the writer may lose some: then nothing is exact
sure = "-" if any(p.losses[x] for x in (*ALLOC_LOSSES, "free_ring_full", "write_failed")) else "exact"
want = {}
for row in p.raw["sites"]:
    name = functions[p.raw["frames"][row["frame"]]["function"]]["name"]
    want.setdefault(name, []).append(row)
sites = {r[7]: r for r in rows(text, "Allocation sites by bytes", "\n\n") if len(r) > 7}
for function, calls, nbytes, *_ in ran.rows("site"):
    if function == "site_posix_memalign":
        continue  # allocates through a helper of its own
    check(function in sites and len(want.get(function, ())) == 1, function, "is no site in", text)
    size, unit, mark, _, objects, exact, samples = sites[function][:7]
    check(mark == exact == sure and objects == samples, function, "is not marked", sure, ":",
          sites[function])
    check(int(objects) == want[function][0]["alloc_objects"],
          function, "calls", objects, want[function])
    near(float(size) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}[unit],
         want[function][0]["alloc_space"], 0.01, f"bytes of {function}")

_, trace = work("w_threads", 100, out="threads", cpu_hz=99, heap_bytes="64K")
text, p = prof("report", "--top", "2", trace), Profile(trace)
fits(text, "threads")
named = len({t["name"] for t in p.threads})
check(("the rest" in text) == (named > 2), named, "names, but:", text)
check(f"{len(p.threads)} threads" in text, "number of threads:", text)
whole = prof("report", "--top", "1000", trace)
for t in p.threads:
    check(str(t["tid"]) in whole, "thread", t["tid"], "is not in", whole)

# -- Of a made trace: how sure each figure is, and ~ where it rests on one to nine samples.
MADE, SYMFS = HOME / "estimates/trace", ("--symfs", HOME / "estimates/symfs")
EXACT = MADE.parent / "exact"
estimates.write(MADE)
estimates.write(EXACT, mean=1)
REACH = r"(\d+%|exact|-)"
SHARE = r"<?[\d.]+%"
VALUE = r"(~?)(0|[\d.]+ \w+)"
COUNT = r"(~?)(\d+)"


def found(pattern, text, what):
    lines = [m.groups() for m in re.finditer(pattern, text, re.M)]
    check(lines, "no", what, "in", text)
    return lines


def percent(reach, value):
    return f"{100 * reach / value:.0f}%"


def reach_of_share(k, n, whole):
    """The wider side of what k of n samples stand for, of k / n of the whole."""
    low, high = estimates.of_share(k, n)
    return percent(max(high - k / n, k / n - low), k / n) if n and whole else ""


def reach_of_sum(of):
    return percent(of.high - of.value, of.value)


def is_rough(n):
    return "~" * (0 < n < 10)


def cpu_wanted():
    """function: (its samples, +- of its total) by what the trace was made of."""
    n = sum(estimates.SAMPLES.values())
    wanted = {f: (k, reach_of_share(k, n, 1)) for f, k in estimates.SAMPLES.items()}
    low, high = (estimates.CPU_NS * x for x in estimates.of_share(35, 100))
    kernel, rest = estimates.SYSTEM_NS, estimates.CPU_NS - 190 * estimates.MS - estimates.SYSTEM_NS
    side = max(kernel - low, high - kernel)
    wanted["[kernel: not sampled]"] = 0, percent(side, kernel)
    wanted["[not sampled]"] = 0, percent(side, rest)
    # of main the two are all that no sample covers
    wanted["main"] = 19, percent(220 * estimates.MS * (19 / n - estimates.of_share(19, n)[0]),
                                 estimates.CPU_NS)
    return wanted


ROW = rf"^ +{VALUE} +{REACH}? +{SHARE} +{VALUE} +{REACH} +{SHARE} +(.*?)(?:  .*)?$"
text = prof("report", *SYMFS, MADE)
fits(text, "estimates")
functions = {r[6]: r for r in found(ROW, text.split("Hottest")[1].split("\n\n")[0], "functions")}
for function, (n, reach) in cpu_wanted().items():
    self_mark, value, self_reach, mark, _, total_reach, _ = functions[function]
    check(mark == is_rough(n) and total_reach == reach, function, functions[function], n, reach)
    if value != "0":
        check((self_mark, self_reach) == (mark, reach), function, functions[function])


def check_sites(text, alive):
    """~, +- and samples of each site, in bytes and calls."""
    pattern = rf"^ +{VALUE} +{REACH} +{SHARE} +{COUNT} +{REACH} +(\d+)  (\S.*?)(?:  .*|\+0x.*)?$"
    lines = found(pattern, text, "sites")
    wanted = {f: estimates.sizes(f, alive) for f in estimates.BLOCKS if estimates.sizes(f, alive)}
    check(len(lines) == len(wanted), lines, "wanted", wanted)
    for mark, _, reach, calls_mark, calls, calls_reach, n, function in lines:
        of = estimates.Sum(wanted[function])
        check(int(n) == of.n and mark == calls_mark == is_rough(of.n), function, "rests on", of.n,
              "but is", mark, calls_mark, calls)
        check(reach == reach_of_sum(of) and calls_reach.endswith("%"), function, reach, calls_reach)


def check_headings(text, mark, exact):
    """The sums that stand in sentences."""
    of = {alive: estimates.Sum([b for f in estimates.BLOCKS for b in estimates.sizes(f, alive)],
                               1 if exact else estimates.MEAN) for alive in (False, True)}
    behind = "" if exact else r" \+-(\d+%)"
    both = rf"{VALUE}{behind} in {COUNT}{behind}"
    for alive, pattern in ((False, "the samples say " + both),
                           (True, rf"Blocks alive at the exit: {both} blocks")):
        line, = found(pattern, " ".join(text.split()), "heading")
        marks = [x for x in line if x in ("", "~")]
        check(marks == [mark[alive]] * 2, line)
        check(exact or line[2] == reach_of_sum(of[alive]), line, reach_of_sum(of[alive]))
    line, = found(rf"^  most +{VALUE}{behind} after", text, "peak")
    check(line[0] == mark[False] and (exact or line[2] == reach_of_sum(of[False])), line)


check_sites(text.split("Allocation sites")[1].split("\n\n")[0], False)
check_sites(text.split("Blocks alive")[1].split("\n\n")[0], True)
check_headings(text, {False: "", True: ""}, False)
live = text.split("Allocated by thread")[1].split("\n\n")[0]
check("live is estimated" in live, live)
few = prof("report", *SYMFS, "--to", "0.0095", MADE) # 9 blocks: nothing freed yet
check(re.search(r"say ~\S+ \w+ \+-\d+% in ~149 \+-\d+%", " ".join(few.split())), "9 blocks:", few)
check(re.search(r"alive at 0.0095 s: ~\S+ \w+ \+-\d+% in ~149 \+-\d+% blocks", few), "9 alive:",
      few)
check(re.search(r"  most     ~\S+ \w+ \+-\d+% after", few), "9 at the peak:", few)
check(re.search(r"^  app  .* ~\S+ \w+ +\d+%$", few, re.M), "live of 9 blocks:", few)
for metric in ("alloc_space", "inuse_space"):
    alive = metric == "inuse_space"
    text = prof("report", *SYMFS, "--metric", metric, MADE)
    functions = {r[6]: r for r in found(ROW, text.split("Hottest")[1].split("\n\n")[0], metric)}
    for function in estimates.BLOCKS:
        of = estimates.Sum(estimates.sizes(function, alive))
        check(function in functions or not of.n, metric, function, functions)
        if of.n:
            check(functions[function][3] == is_rough(of.n) and
                  functions[function][5] == reach_of_sum(of), metric, functions[function])

# the same figures of --peek: the function, its callers and callees
peek = prof("report", *SYMFS, "--peek", "^(main|work|\\[.*sampled\\])$", MADE)
n = sum(estimates.SAMPLES.values())
wanted = cpu_wanted()
for function in ("main", "work", "[not sampled]", "[kernel: not sampled]"):
    part = re.split(rf"^{re.escape(function)}$", peek, flags=re.M)[1].split("\n\n")[0]
    behind = rf"(?: \+-)?(?: ?{REACH})?"
    (mark, _, reach, self_mark, own, self_reach), = found(
        rf"total {VALUE}{behind} \({SHARE}\), self {VALUE}{behind} \({SHARE}\)", part, "peek")
    check((mark, reach) == (is_rough(wanted[function][0]), wanted[function][1]), function, part)
    check(own == "0" or (self_mark, self_reach) == (mark, reach), function, part)
    rows_of = found(rf"^ +{VALUE} +{REACH} +{SHARE} +(\S.*)$", part, "edges")
    for edge_mark, _, edge_reach, name in rows_of:
        k, edge = wanted[name if function == "main" and name in wanted else function]
        check((edge_mark, edge_reach) == (is_rough(k), edge), function, "with", name, ":",
              edge_mark, edge_reach, "wanted", k, edge)
    check({x[3] for x in rows_of} >= {"work", "inner loop"} or function != "main", rows_of)

# figures of calls that were all recorded are exact, however few
text = prof("report", *SYMFS, "--metric", "alloc_space", EXACT)
check("~" not in text.split("Hottest")[1].split("\n~ rests")[0], "exact figures are marked:", text)
check_headings(text, {False: "", True: ""}, True)
peek = prof("report", *SYMFS, "--metric", "alloc_space", "--peek", ".", EXACT)
check("~" not in peek, "exact figures are marked:", peek)

# -- Of a real program: ~ in every table just where the column of samples is below ten.
_, trace = work("w_sites", 1, out="sampled", cpu="off", heap_bytes="256K")
text = prof("report", "--top", "100", trace)
for title in ("Allocation sites", "Blocks alive"):
    lines = found(rf"^ +{VALUE} +{REACH} +{SHARE} +{COUNT} +{REACH} +(\d+)  ",
                  text.split(title)[1].split("\n\n")[0], title)
    for mark, _, _, calls_mark, _, _, n in lines:
        check(mark == calls_mark == is_rough(int(n)), title, mark, calls_mark, n)

# -- Who may not sample the kernel is told how far its part may be off.
for user in users():
    _, trace = work("w_syscalls", 500, user=user, out="kernel", cpu="perf", cpu_hz=999, heap="off")
    text = prof("report", trace)
    line = re.search(rf"^ +{VALUE} +{REACH} .*\[kernel: not sampled\]$", text, re.M)
    p = Profile(trace)
    if not p.kernel and p.cpu_engine == "perf":
        check(line and line[3].endswith("%") and line[3] != "0%", "the kernel's part:", text)

# Threads of one name are one row: what short ones do not say of user and system time is left out
# of it, unless that is too much of it.
s = mktrace.Trace(settings=(), period=mktrace.PERIOD).segment()
s.thread(1, 4242, "app", mktrace.MAIN)
s.cumulative().engine(0, 1, 1, 0, "perf", None).frame()
ENDED = mktrace.CPU | mktrace.FINAL
SPLIT = ENDED | mktrace.RUSAGE
for name, first, short in (("pool", 100, 1), ("brief", 200, 20)):
    for i in range(40 + short):
        flags, *times = (SPLIT, 3, 2, 1) if i < 40 else (ENDED, 1, 0, 0)
        s.thread(first + i, 5000 + first + i, name)
        s.thread_stats(90 * mktrace.MS, [(first + i, flags, *(t * mktrace.MS for t in times), 0, 0)])
s.mark(100 * mktrace.MS, 5).end(100 * mktrace.MS, 2)
POOLS = HOME / "pools"
POOLS.mkdir()
s.write(str(POOLS), 1)
text = prof("report", POOLS)
for name, wanted in (("pool", ["121 ms", "80.0 ms", "40.0 ms"]), ("brief", ["140 ms", "-", "-"])):
    line, = [x for x in text.splitlines() if x.split()[:1] == [name] and "thr" in x][:1]
    check(re.split(r" {2,}", line.strip())[3:6] == wanted, "a row of", name + ":", line)
