# SPDX-License-Identifier: Apache-2.0
"""What heaptrack, valgrind's massif and perf say of a program, in one form with what `prof
json` says, so that they can be compared.

Names are not: peers call stripped code by the next symbol below or not at all, and each
demangles in its own way.  An allocation site is the module and the address in it of the call,
and of so many calls around it as asked for.  A function of a CPU sample is the module and the
unwind table's range that holds the address: code inlined into it is part of it for both.
"""
import bisect
import collections
import itertools
import re

from lib import *

def heaptrack(command, env=None, status=0, depth=1):
    """What it wrote down: {"calls", "bytes", "alloc": {site: bytes}, "inuse": the same}.  Its
    own copy of the C++ library reserves memory in the program; that is taken out."""
    out = HOME / "heaptrack"
    ran = run(["heaptrack", "--raw", "-o", out, *command], env=env, timeout=200)
    check(status is None or ran.status == status, "heaptrack:", ran.status, ran.err.decode())
    text = run(["zstd", "-dc", f"{out}.raw.zst"], timeout=200).out.decode(errors="replace")
    modules, traces, alive, exe = [], [(0, 0)], {}, ""
    calls, inuse = collections.Counter(), collections.Counter()
    for line in text.splitlines():
        kind, *words = line.split(" ")
        if kind == "+":
            key = int(words[1], 16), int(words[0], 16)
            calls[key] += 1
            inuse[key] += 1
            alive[words[2]] = key
        elif kind == "-" and words[0] in alive:
            inuse[alive.pop(words[0])] -= 1
        elif kind == "t":
            traces.append((int(words[0], 16), int(words[1], 16)))
        elif kind == "x":
            exe = line.split(" ", 2)[2]
        elif kind == "m" and words[1] != "-":
            path, bias, *parts = line.split(" ", 2)[2].rsplit(" ", line.count(" ") - 2)
            bias = int(bias, 16)
            for start, size in zip(parts[::2], parts[1::2]):
                start = bias + int(start, 16)
                modules.append((start, start + int(size, 16), exe if path == "x" else path, bias))
    modules.sort()
    starts = [m[0] for m in modules]

    def place(address):
        i = bisect.bisect_right(starts, address) - 1
        if i < 0 or address >= modules[i][1]:
            return None
        return os.path.basename(os.path.realpath(modules[i][2])), address - modules[i][3]

    found = {"calls": 0, "bytes": 0, "alloc": collections.Counter(),
             "inuse": collections.Counter()}
    for (trace, size), count in calls.items():
        site, at = [], trace
        while at and len(site) < depth:
            site.append(place(traces[at][0]))
            at = traces[at][1]
        if site and site[0] and "libstdc++" in site[0][0] and size > 70000:
            continue
        found["calls"] += count
        found["bytes"] += size * count
        found["alloc"][tuple(site)] += size * count
        found["inuse"][tuple(site)] += size * inuse[trace, size]
    return found


def massif(command, env=None, status=0):
    """{site: bytes} in use at the end, None: what massif gives no address for.  The program
    prints its /proc/self/maps, which tell whose the addresses are."""
    out = HOME / "massif"
    ran = run(["valgrind", "-q", "--tool=massif", f"--massif-out-file={out}", "--detailed-freq=1",
               "--max-snapshots=1000", "--threshold=0.1", "--depth=1", "--run-libc-freeres=no",
               "--run-cxx-freeres=no", *command], env=env, timeout=300)
    check(status is None or ran.status == status, "massif:", ran.status, ran.err.decode())
    maps = [(int(a, 16), int(b, 16), int(at, 16), path) for a, b, at, path in re.findall(
        r"^(\w+)-(\w+) \S+ (\w+) \S+ \d+ +(/.*)$", ran.out.decode(errors="replace"), re.M)]
    check(maps, "no maps among the output of", command)
    last = out.read_text(errors="replace").split("#-----------\nsnapshot=")[-1]
    sites = collections.Counter()
    for line in last.splitlines():
        found = re.match(r" n\d+: (\d+) (?:0x([0-9A-F]+): )?", line)
        if found:
            sites[found[2] and site_of(maps, int(found[2], 16))] += int(found[1])
    total = int(re.search(r"mem_heap_B=(\d+)", last)[1])
    check(sum(sites.values()) == total, "massif's tree:", sum(sites.values()), total)
    return sites


def site_of(maps, address):
    for start, end, at, path in maps:
        if start <= address < end:
            file = functions_of(path)
            return ((os.path.basename(os.path.realpath(path)),
                     file.address(address - start + at)),)
    return ((None, address),)


def frames_of(raw, stack):
    """(path or "", address in the file, frame) of real code, innermost first."""
    while stack is not None:
        frame = raw["frames"][raw["stacks"][stack]["frame"]]
        stack = raw["stacks"][stack]["parent"]
        if frame["inlined"] or frame["kind"] != "code":
            continue
        module = raw["modules"][frame["module"]] if frame["module"] is not None else None
        address = int(frame["address"], 16)
        if module and module["kind"] == "file":
            address -= next(int(m["load_bias"], 16) for m in module["mappings"]
                            if int(m["start"], 16) <= address < int(m["end"], 16))
            yield module["path"], address, frame
        else:
            yield "", address, frame


def heap_of(profile, member, depth=1):
    """{site: bytes} by prof."""
    sites = collections.Counter()
    for row in profile.raw["heap"]:
        if row[member]:
            site = itertools.islice(frames_of(profile.raw, row["stack"]), depth)
            sites[tuple(path and (os.path.basename(os.path.realpath(path)), address) or None
                        for path, address, _ in site)] += row[member]
    return sites


class Functions:
    """Ranges of a file's unwind table."""

    def __init__(self, path):
        text = run(["readelf", "-W", "--debug-dump=frames", path], timeout=200).out.decode()
        found = re.findall(r"FDE cie=\w+ pc=(\w+)\.\.(\w+)", text)
        self.ranges = sorted({(int(a, 16), int(b, 16)) for a, b in found})
        self.starts = [a for a, _ in self.ranges]
        text = run(["readelf", "-lW", path]).out.decode()
        found = re.findall(r"LOAD +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x\w+ R E", text)
        self.code = [(int(a, 16), int(b, 16), int(n, 16)) for a, b, n in found]

    def address(self, offset):
        """Of a place in the file, which is what perf shows."""
        for at, address, size in self.code:
            if at <= offset < at + size:
                return offset - at + address
        return offset

    def start(self, address):
        i = bisect.bisect_right(self.starts, address) - 1
        return self.starts[i] if i >= 0 and address < self.ranges[i][1] else None


FILES = {}


def functions_of(path):
    real = os.path.realpath(path)
    if real not in FILES:
        FILES[real] = Functions(real)
    return FILES[real]


def function(path, address, name, is_offset=False):
    """The key of a function; name: of kernel code, which is known by symbols alone."""
    if not path.startswith("/"):
        return "kernel", name
    file = functions_of(path)
    if is_offset:
        address = file.address(address)
    return os.path.basename(os.path.realpath(path)), file.start(address)


def perf_record(command, env, hz, stack_bytes):
    """Runs command under perf and, by env, under libprof, at once: both see one run."""
    data = HOME / "perf.data"
    return run(["perf", "record", "-q", "-N", "-B", "-k", "CLOCK_MONOTONIC", "-F", hz, "-m", 4096,
                "-e", "cpu-clock", "--call-graph", f"dwarf,{stack_bytes}", "-o", data, "env",
                *[f"{k}={v}" for k, v in env.items()], *command], timeout=200)


def perf_samples():
    """(tid, monotonic ns, period ns, functions innermost first) of each sample."""
    ran = run(["perf", "script", "-i", HOME / "perf.data", "--no-inline", "--ns", "-F",
               "tid,time,period,ip,sym,dso"], timeout=400)
    for block in ran.out.decode(errors="replace").split("\n\n"):
        head, *lines = block.strip("\n").split("\n")
        found = re.match(r"\s*(\d+)\s+(\d+)\.(\d+):\s+(\d+)", head)
        if not found:
            continue
        frames = []
        for line in lines:
            f = re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", line)
            if f:
                frames.append(function(f[3], int(f[1], 16), f[2], True))
        yield int(found[1]), int(found[2]) * 10**9 + int(found[3]), int(found[4]), frames


def cpu_of(profile):
    """(samples, functions innermost first) of each stack that prof shows samples of."""
    raw = profile.raw
    for row in raw["samples"]:
        if not row["count"]:
            continue
        yield row["count"], [function(path, address, raw["functions"][f["function"]]["name"])
                             for path, address, f in frames_of(raw, row["stack"])]
