#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The report agrees with the JSON: functions with file and line, sites,
threads and the row that sums the rest, callers and callees; it fits a
terminal; what makes figures rough or exact is marked."""
import re

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
want = {}
for row in p.raw["sites"]:
    name = functions[p.raw["frames"][row["frame"]]["function"]]["name"]
    want.setdefault(name, []).append(row)
sites = {r[6]: r for r in rows(text, "Allocation sites by bytes", "\n\n") if len(r) > 6}
for function, calls, nbytes, *_ in ran.rows("site"):
    if function == "site_posix_memalign":
        continue  # allocates through a helper of its own
    check(function in sites and len(want.get(function, ())) == 1, function, "is no site in", text)
    size, unit, mark, _, objects, samples = sites[function][:6]
    check(mark == "exact" and objects == samples, function, "is not marked exact:", sites[function])
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
