# SPDX-License-Identifier: Apache-2.0
"""What heaptrack, valgrind's massif and perf say of a program, in one form with what `prof
json` says, so that they can be compared.

Names are not: peers call stripped code by the next symbol below or not at all, and each
demangles in its own way.  An allocation site is the last three hexadecimal digits of the
address of the call, which address-space randomization leaves alone; two sites that share
them are one for everybody.  A function of a CPU sample is the module and the unwind
table's range that holds the address: code inlined into it is part of it for both.
"""
import bisect
import collections
import re

from lib import *

PAGE = 0xfff


def heaptrack(command, env=None, status=0, **options):
    """What it wrote down: {"calls", "bytes", "alloc": {site: bytes}, "inuse": the same}.  Its
    own copy of the C++ library reserves memory in the program; that is taken out."""
    out = HOME / "heaptrack"
    ran = run(["heaptrack", "-o", out, *command], env=env, timeout=200, **options)
    check(status is None or ran.status == status, "heaptrack:", ran.status, ran.err.decode())
    text = run(["zstd", "-dc", f"{out}.zst"], timeout=200).out.decode(errors="replace")
    strings, ips, traces, infos = [""], [None], [None], []
    begun, alive = collections.Counter(), collections.Counter()
    for line in text.splitlines():
        kind, *words = line.split(" ")
        if kind == "s":
            strings.append(line.split(" ", 2)[2])
        elif kind == "i":
            ips.append((int(words[0], 16), strings[int(words[1], 16)]))
        elif kind == "t":
            traces.append(int(words[0], 16))
        elif kind == "a":
            infos.append((int(words[0], 16), int(words[1], 16)))
        elif kind in ("+", "-"):
            info = int(words[0], 16)
            alive[info] += 1 if kind == "+" else -1
            begun[info] += kind == "+"
    found = {"calls": 0, "bytes": 0, "alloc": collections.Counter(),
             "inuse": collections.Counter()}
    for info, count in begun.items():
        size, trace = infos[info]
        address, module = ips[traces[trace]]
        if "libstdc++" in module and size > 70000:
            continue
        found["calls"] += count
        found["bytes"] += size * count
        found["alloc"][address & PAGE] += size * count
        found["inuse"][address & PAGE] += size * alive[info]
    return found


def massif(command, env=None, status=0):
    """{site: bytes} in use at the end, None: what massif gives no address for."""
    out = HOME / "massif"
    ran = run(["valgrind", "-q", "--tool=massif", f"--massif-out-file={out}", "--detailed-freq=1",
               "--max-snapshots=1000", "--threshold=0.1", "--depth=1", "--run-libc-freeres=no",
               "--run-cxx-freeres=no", *command], env=env, timeout=300)
    check(status is None or ran.status == status, "massif:", ran.status, ran.err.decode())
    last = out.read_text(errors="replace").split("#-----------\nsnapshot=")[-1]
    sites = collections.Counter()
    for line in last.splitlines():
        found = re.match(r" n\d+: (\d+) (?:0x([0-9A-F]+): )?", line)
        if found:
            sites[int(found[2], 16) & PAGE if found[2] else None] += int(found[1])
    total = int(re.search(r"mem_heap_B=(\d+)", last)[1])
    check(sum(sites.values()) == total, "massif's tree:", sum(sites.values()), total)
    return sites


def heap_of(profile, member):
    """{site: bytes} by prof."""
    sites = collections.Counter()
    for row in profile.raw["heap"]:
        if row[member]:
            frame = profile.raw["frames"][profile.raw["stacks"][row["stack"]]["frame"]]
            address = frame["address"]
            sites[int(address, 16) & PAGE if address else None] += row[member]
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


def function(path, address, name, is_offset=False):
    """The key of a function; name: of kernel code, which is known by symbols alone."""
    if not path.startswith("/"):
        return "kernel", name
    real = os.path.realpath(path)
    if real not in FILES:
        FILES[real] = Functions(real)
    if is_offset:
        address = FILES[real].address(address)
    return os.path.basename(real), FILES[real].start(address)


def perf_record(command, env, hz):
    """Runs command under perf and, by env, under libprof, at once: both see one run."""
    data = HOME / "perf.data"
    return run(["perf", "record", "-q", "-N", "-B", "-k", "CLOCK_MONOTONIC", "-F", hz, "-m", 4096,
                "-e", "cpu-clock", "--call-graph", "dwarf,32768", "-o", data, "env",
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
        frames, at = [], row["stack"]
        while at is not None:
            frame = raw["frames"][raw["stacks"][at]["frame"]]
            at = raw["stacks"][at]["parent"]
            if frame["inlined"] or frame["kind"] != "code":
                continue
            module = raw["modules"][frame["module"]] if frame["module"] is not None else None
            address, path = int(frame["address"], 16), ""
            if module and module["kind"] == "file":
                path = module["path"]
                address -= next(int(m["load_bias"], 16) for m in module["mappings"]
                                if int(m["start"], 16) <= address < int(m["end"], 16))
            name = raw["functions"][frame["function"]]["name"]
            frames.append(function(path, address, name))
        yield row["count"], frames
