#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time by function, by inlined function, by source line, in bursts of a fiftieth of a
period, and in the kernel, against what the program read off its threads' CPU clocks
around every burst: seeded runs at the default rate, both engines, as root and as an
ordinary user; threads of 24 periods (long form: 38).

Each part's samples over all runs of a condition, and over all conditions, are held to the exact
binomial bound at 1e-8: some 125 sums, so that one run in 800,000 fails were samples as free
as trials; they are taken at even distances, and vary less.  The long form's 30 runs also
count how often the 95 % intervals hold the truth: the binomial one of each share in each run,
those that `prof json` gives by row and `prof report` by function; 1e-7 a condition.

limit: 60
long: 900
"""
from cpu_truth import *

RUNS, MS = (30, 400) if LONG else (2, 250)
shares = Shares()
binomial, by_row, by_function, by_kernel = Coverage(), Coverage(), Coverage(), Coverage()
worst_total = 0.0
enough = []


def hits_of(thread, rows, name, line):
    """Samples of a part: its function somewhere in the stack, or its line of line_parts."""
    if thread == "lines":
        return [r for p, r in rows if ("line_parts", line) in p]
    return [r for p, r in rows if any(f == name for f, _ in p)]


def check_parts(what, condition, profile, thread, truth, total):
    """The shares of one thread; truth: (part, ns, line)."""
    rows = sampled(profile, thread)
    n = sum(r["count"] for _, r in rows)
    # A busy host withholds interrupts; what they would have covered is [not sampled].  Of
    # so few samples nothing is asked, but that there are not many such threads.
    enough.append(n >= 10)
    if not enough[-1]:
        note(what, n, "samples in", total / 1e6, "ms")
        return
    for i, (name, ns, line) in enumerate(truth):
        found = hits_of(thread, rows, name, line)
        k = sum(r["count"] for r in found)
        shares.add((condition, thread, name), k, n, ns / total)
        low, high = wilson(k, n)
        binomial.add((condition, thread, i), low <= ns / total <= high)
        # one instruction and so one row; of the other parts there is little
        if i < 2 and thread in ("functions", "lines"):
            row = max(found, key=lambda r: r["count"], default={"cpu_ns_95": (0, 0)})
            by_row.add((condition, thread, i), row["cpu_ns_95"][0] <= ns <= row["cpu_ns_95"][1])


def check_kernel(what, condition, profile, truth, total):
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
        low, high = wilson(reads, n)
        binomial.add((condition, "kernel", 0), low <= share <= high)
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


def value_ns(text):
    number, unit = re.fullmatch(r"~?([\d.]+) (\w+)", text).groups()
    digits = len(number.partition(".")[2])
    scale = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}[unit]
    return float(number) * scale, 0.5 * 10 ** -digits * scale


def check_report(trace, condition, truth):
    """The functions' totals of one thread and their +- in the report."""
    text = prof("report", "--top", 60, "--thread", "functions", trace)
    for i, (name, ns, _) in enumerate(truth[:2]):
        row = re.search(rf"^ *\S+ \S+ +\S+ +\S+ +(~?[\d.]+ \w+) +(\d+)% +\S+  {name}\b", text, re.M)
        if not row:
            by_function.add((condition, i), False)
            continue
        value, rounding = value_ns(row[1])
        half = value * (int(row[2]) + 0.5) / 100 + rounding
        by_function.add((condition, i), abs(value - ns) <= half)


def check_run(user, engine, seed):
    global worst_total
    condition, what = f"{engine} {user.name}", f"{engine} as {user.name}, seed {seed}:"
    ran, trace = work("w_truth_shares", seed, MS, user=user, out=engine, cpu=engine)
    profile = Profile(trace)
    settled(profile, what)
    for tid, thread, total in ran.rows("thread"):
        truth = [(name, ns, line) for t, name, ns, line in ran.rows("part") if t == thread]
        got = profile.thread(tid)["cpu_ns"]
        near(got, total, 0.01, f"{what} cpu of {thread}")
        worst_total = max(worst_total, abs(got / total - 1))
        if thread == "kernel":
            check_kernel(what, condition, profile, truth, total)
        else:
            check_parts(what, condition, profile, thread, truth, total)
        if thread == "functions" and LONG:
            check_report(trace, condition, truth)
    remove(trace)


for user in users():
    for engine in ENGINES:
        for seed in range(1, RUNS + 1):
            check_run(user, engine, seed)
check(sum(enough) * 2 >= len(enough), "only", sum(enough), "of", len(enough),
      "threads have ten samples")
shares.check()
if LONG:
    binomial.check("binomial interval of a share")
    by_row.check("cpu_ns_95 of prof json")
    by_function.check("+- of prof report")
    by_kernel.check("kernel_not_sampled_ns_95")
    runs = f"{RUNS} seeded runs, perf and timer, root and nobody"
    for thread, part in (("functions", "functions"), ("bursts", "functions, bursts of 0.2 ms"),
                         ("inlined", "inlined functions"), ("lines", "source lines"),
                         ("kernel", "the kernel")):
        measured("cpu", f"share of {part} within its 95 % binomial bound", runs,
                 f"{binomial.share(lambda c: c[1] == thread)}; "
                 "sums over the runs within the bound at 1e-8")
    measured("cpu", "95 % interval of a row in prof json holds the truth", runs, by_row.share())
    measured("cpu", "95 % interval of a function in prof report holds the truth", runs,
             by_function.share())
    if by_kernel.tries:
        measured("cpu", "95 % interval of [kernel: not sampled] holds the truth",
                 f"{RUNS} seeded runs, perf, nobody", by_kernel.share())
    measured("cpu", "a thread's total is its CPU clock", runs, f"at most {worst_total:.2%} off")
