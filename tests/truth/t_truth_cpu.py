#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time by function, by inlined function, by source line, in bursts of a fiftieth of a
period, and in the kernel, against what the program read off its threads' CPU clocks
around every burst: seeded runs at the default rate, both engines, as root and as an
ordinary user; threads of 24 periods (long form: 38), and four threads of 20, 10, 5 and 2.5
periods, of which the longest has parts, too, and the four have shares of their sum by thread.

Each part's samples over all runs of a condition, and over all conditions, are held to the exact
binomial bound at 1e-8: some 160 sums, so that one run in 600,000 fails were samples as free
as trials; they are taken at even distances, and vary less.  How often the 95 % intervals
hold the truth is counted: the binomial one of each share in each run, and in the long form
those that `prof json` gives by row and `prof report` by function, in its self and in its total
column; each +- printed is as long as the longer side of the binomial interval.  Over all
runs and conditions each kind, and all of them, miss no more than Hoeffding's bound over the
threads allows at 1e-7, whatever the parts of a thread have to do with each other:
of the binomial kinds by their exact chances (9 bounds, 17 in the long form).  In the long form
each part's of a condition are held to the binomial bound at 1e-7, too (180, of 30 runs each).

limit: 120
long: 900
false: 3e-6
false-long: 2.2e-5
"""
from cpu_truth import *

RUNS, MS = (30, 400) if LONG else (2, 250)
# Of the threads, at most, and one: at the timers' ticks, others may have the CPU (README).
LEFT_OUT = {"perf": 0.01, "timer": 0.05}
BY_THREAD = ("half", "quarter", "eighth", "sixteenth")
shares = Shares()
binomial, by_row, by_function, by_kernel = Coverage(), Coverage(), Coverage(), Coverage()
pooled, pooled_rows, pooled_functions, pooled_kernel = Pool(), Pool(), Pool(), Pool()
pooled_by_thread = Pool()
worst_total = 0.0
few, threads, absent = {e: [] for e in ENGINES}, dict.fromkeys(ENGINES, 0), 0


def hits_of(thread, rows, name, line):
    """Samples of a part: its function somewhere in the stack, or its line of line_parts."""
    if thread == "lines":
        return [r for p, r in rows if ("line_parts", line) in p]
    return [r for p, r in rows if any(f == name for f, _ in p)]


def add_share(pool, condition, seed, thread, part, k, n, share):
    """k of n samples are of the part."""
    held = holds(k, n, share)
    binomial.add((condition, thread, part), held)
    pool.add(thread, (condition, seed, thread), held, miss_chance(n, share))


def check_parts(condition, seed, profile, thread, truth, total):
    """The shares of one thread; truth: (part, ns, line)."""
    rows = sampled(profile, thread)
    n = sum(r["count"] for _, r in rows)
    threads[profile.cpu_engine] += 1
    # A busy host withholds interrupts; what they would have covered is [not sampled].  Of
    # so few samples nothing is asked, but that there are hardly any such threads.
    if n < 10:
        few[profile.cpu_engine].append(f"{condition} {thread}, seed {seed}: {n} samples in "
                                       f"{total / 1e6:.0f} ms;")
        return
    for i, (name, ns, line) in enumerate(truth):
        found = hits_of(thread, rows, name, line)
        k = sum(r["count"] for r in found)
        shares.add((condition, thread, name), k, n, ns / total)
        add_share(pooled, condition, seed, thread, i, k, n, ns / total)
        # one instruction and so one row; of the other parts there is little
        if LONG and i < 2 and thread in ("functions", "lines"):
            row = max(found, key=lambda r: r["count"], default={"cpu_ns_95": (0, 0)})
            held = row["cpu_ns_95"][0] <= ns <= row["cpu_ns_95"][1]
            by_row.add((condition, thread, i), held)
            pooled_rows.add(thread, (condition, seed, thread), held)


def check_by_thread(condition, seed, profile, totals):
    """Threads of unequal length: of their samples each has its share."""
    n = {name: sum(r["count"] for _, r in sampled(profile, name)) for name in BY_THREAD}
    of, total = sum(n.values()), sum(totals[name] for name in BY_THREAD)
    for name in BY_THREAD:
        share = totals[name] / total
        shares.add((condition, "by thread", name), n[name], of, share)
        add_share(pooled_by_thread, condition, seed, "by thread", name, n[name], of, share)


def check_kernel(condition, seed, profile, truth, total):
    """Reading /dev/zero is the kernel's time, but for a hundredth."""
    thread = next(t for t in profile.threads if t["name"] == "kernel")
    kernel_ns = sum(ns for name, ns, _ in truth if name == "kernel_part")
    rows = sampled(profile, "kernel")
    reads = sum(r["count"] for p, r in rows if any(f == "kernel_part" for f, _ in p))
    n = sum(r["count"] for _, r in rows)
    period = profile.raw["engines"]["cpu"]["period_ns"]
    share = kernel_ns / total
    if profile.cpu_engine == "timer" or profile.kernel:
        shares.add((condition, "kernel", "kernel_part"), reads, n, share)
        add_share(pooled, condition, seed, "kernel", 0, reads, n, share)
    if profile.kernel:
        shares.add((condition, "kernel", "kernel's samples"),
                   thread["sampled_kernel_ns"] // period, n, share)
    elif profile.cpu_engine == "perf":
        # of all periods only the program's own part is sampled; the kernel's comes from ticks
        periods = round(total / period)
        shares.add((condition, "kernel", "outside"), min(n - reads, periods), periods, 1 - share)
        shares.add((condition, "kernel", "[kernel: not sampled]"),
                   round(thread["kernel_not_sampled_ns"] / period), periods, share)
        low, high = thread["kernel_not_sampled_ns_95"]
        by_kernel.add(condition, low <= kernel_ns <= high)
        pooled_kernel.add("kernel", (condition, seed), low <= kernel_ns <= high)


def value_ns(text):
    number, unit = re.fullmatch(r"~?([\d.]+) (\w+)", text).groups()
    digits = len(number.partition(".")[2])
    scale = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}[unit]
    return float(number) * scale, 0.5 * 10 ** -digits * scale


def check_reach(what, printed, percent, n, of, covered_ns):
    """A figure of n samples, and its +-, which is no shorter than either side of the binomial
    interval of n; the figure and how far it reaches, as far as rounding lets it be known."""
    value, rounding = value_ns(printed)
    half = (value + rounding) * (int(percent) + 0.5) / 100 + rounding
    below, above = (abs(share - n / of) * covered_ns for share in wilson(n, of))
    check(half >= max(below, above), *what, printed, "+-", f"{percent}% of {n} samples of {of}:",
          "the interval reaches", below, "below and", above, "above")
    return value, half


def check_report(trace, condition, seed, truth, profile):
    """The functions' figures of one thread and their +- in the report, which reach over the whole
    binomial interval of the part's samples; of what has no sample it has no row, and so no
    interval."""
    global absent
    text = prof("report", "--top", 60, "--thread", "functions", trace)
    figures = r"~?([\d.]+ \w+) +(\d+)% +\S+"
    rows = sampled(profile, "functions")
    of, covered_ns = (sum(r[key] for _, r in rows) for key in ("count", "cpu_ns"))
    for name, ns, _ in truth:
        totals = re.search(rf" {figures}  {name}\b", text)
        selves = re.search(rf"^ *{figures} +~?[\d.]+ .*  {name}\b", text, re.M)
        n = {"self": sum(r["count"] for p, r in rows if p[0][0] == name),
             "total": sum(r["count"] for r in hits_of("functions", rows, name, 0))}
        for column, row in ("self", selves), ("total", totals):
            what = condition, name, column
            check(bool(row) == (n[column] > 0), *what, "has", n[column], "samples:", text)
            held = True
            if row:
                value, half = check_reach(what, row[1], row[2], n[column], of, covered_ns)
                held = abs(value - ns) <= half
            absent += not row
            by_function.add(what, held)
            pooled_functions.add(column, (condition, seed), held)  # of one thread


def check_run(user, engine, seed):
    global worst_total
    condition, what = f"{engine} {user.name}", f"{engine} as {user.name}, seed {seed}:"
    ran, trace = work("w_truth_shares", seed, MS, 20 * PERIOD_NS, user=user, out=engine,
                      cpu=engine)
    profile = Profile(trace)
    check(round(profile.raw["engines"]["cpu"]["period_ns"]) == PERIOD_NS, what, "other period")
    settled(profile, what)
    totals = {}
    for tid, thread, total in ran.rows("thread"):
        truth = [(name, ns, line) for t, name, ns, line in ran.rows("part") if t == thread]
        got = profile.thread(tid)["cpu_ns"]
        near(got, total, 0.01, f"{what} cpu of {thread}")
        worst_total = max(worst_total, abs(got / total - 1))
        totals[thread] = total
        if thread == "kernel":
            check_kernel(condition, seed, profile, truth, total)
        elif thread not in BY_THREAD[1:]:
            check_parts(condition, seed, profile, thread, truth, total)
        if thread == "functions":
            check_report(trace, condition, seed, truth, profile)
    check_by_thread(condition, seed, profile, totals)
    remove(trace)


seed = 0
for user in users():
    for engine in ENGINES:
        for _ in range(RUNS):
            seed += 1
            check_run(user, engine, seed)
for engine in ENGINES:
    note(engine, len(few[engine]), "threads left out of", threads[engine])
    check(len(few[engine]) <= 1 + LEFT_OUT[engine] * threads[engine], engine, "of",
          threads[engine], "threads have too few samples:", *few[engine])
shares.check()
pooled.check("binomial interval of a share")
pooled_by_thread.check("binomial interval of a share")
if LONG:
    binomial.check("binomial interval of a share")
    for one, pool, what in ((by_row, pooled_rows, "cpu_ns_95 of prof json"),
                            (by_function, pooled_functions, "+- of prof report"),
                            (by_kernel, pooled_kernel, "kernel_not_sampled_ns_95")):
        one.check(what)
        if pool.threads:
            pool.check(what)
    runs = f"{RUNS} seeded runs, perf and timer, {user_names()}"
    out = "left out, of fewer than ten samples: " + ", ".join(
        f"{len(few[e])} of {threads[e]} threads, {e}" for e in ENGINES)
    for kind, part in (("functions", "functions"), ("bursts", "functions, bursts of 0.2 ms"),
                       ("half", "functions, in threads of exactly 20 periods,"),
                       ("inlined", "inlined functions"), ("lines", "source lines"),
                       ("kernel", "the kernel"), ("all", "all of these")):
        measured("cpu", f"share of {part} within its 95 % binomial bound", f"{runs}; {out}",
                 f"{pooled.share(kind)}; sums over the runs within the bound at 1e-8")
    measured("cpu", "share of threads of 20, 10, 5 and 2.5 periods within its 95 % binomial bound",
             runs, f"{pooled_by_thread.share()}; sums over the runs within the bound at 1e-8")
    measured("cpu", "95 % interval of a row in prof json holds the truth", f"{runs}; {out}",
             pooled_rows.share())
    for column in ("self", "total"):
        measured("cpu", f"95 % interval of a function's {column} in prof report holds the truth",
                 f"{runs}; {absent} figures without a sample and so none",
                 pooled_functions.share(column))
    if by_kernel.tries:
        measured("cpu", "95 % interval of [kernel: not sampled] holds the truth",
                 f"{RUNS} seeded runs, perf, nobody", pooled_kernel.share())
    measured("cpu", "a thread's total is its CPU clock", runs, f"at most {worst_total:.2%} off")
