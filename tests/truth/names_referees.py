# SPDX-License-Identifier: Apache-2.0
"""What t_truth_names.py asks: `prof json` of a trace whose samples hold the
addresses, eu-addr2line and llvm-symbolizer.

All of them answer in one form: for each address a list of Frame, innermost
first; names are linkage names as the file has them, None where there is none.
"""
import collections
import json
import os
import re
import subprocess
import sys

from lib import SRC, check, prof

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace

# text: demangled, prof alone; declared: file and line of the declaration, llvm alone
Frame = collections.namedtuple("Frame", "name file line text declared", defaults=(None, None))
BIAS = 0x7F0000000000
MS = 1_000_000
class Large(mktrace.Segment):
    """Compressed by lz4: the module's own compressor takes its time."""

    def frame(self):
        self.out += subprocess.run(["lz4", "-c"], input=bytes(self.records),
                                   stdout=subprocess.PIPE, check=True).stdout
        self.records.clear()
        return self


def write_trace(directory, path, build_id, addresses):
    """A trace of one thread in which each address was the leaf of one sample."""
    trace = mktrace.Trace(cpu_kernel=1)
    s = Large({**trace.fields, 2: 1, 20: 0}, trace.settings)
    low, high = min(addresses) & ~4095, max(addresses) + 4096
    m = s.mapping(path, BIAS + low, BIAS + high, build_id, file_offset=low, load_bias=BIAS)
    s.thread(1, 4242, "app", mktrace.MAIN, 0)
    s.cumulative().thread_stats(0, [(1, 7, 0, 0, 0, 0, 0)])
    s.record(3, mktrace.varints(1, len(addresses)) +
             b"".join(mktrace.varints(i + 1, m << 1, a - low)
                      for i, a in enumerate(addresses)))
    s.frame()
    n = len(addresses)
    s.samples(0, MS, [(i * MS, 1, 0, 0, 1, i) for i in range(1, n + 1)])
    s.thread_stats(n * MS, [(1, 7, n * MS, 0, 0, 0, 0)])
    s.end(n * MS, 2)
    s.write(directory, 1)


def ask_prof(path, build_id, addresses, directory, *options):
    """(address -> frames, the module's row) as prof json has it."""
    write_trace(directory, path, build_id, addresses)
    out = json.loads(prof("json", *options, os.path.abspath(directory), timeout=300))
    frames, functions, stacks = out["frames"], out["functions"], out["stacks"]
    found = {}
    for row in out["samples"]:
        if not row["count"]:
            continue
        chain, at, address = [], row["stack"], None
        while at is not None:
            frame = frames[stacks[at]["frame"]]
            function = functions[frame["function"]]
            address = int(frame["address"], 16) - BIAS
            linked = frame.get("system_name", function["system_name"])
            chain.append((Frame(linked, function["file"], frame["line"] or 0,
                                function["name"]), frame["inlined"]))
            at = stacks[at]["parent"]
        check([inlined for _, inlined in chain] == [True] * (len(chain) - 1) + [False],
              "a chain that does not end with a function:", hex(address), chain)
        found[address] = [frame for frame, _ in chain]
    check(sorted(found) == sorted(addresses), "prof json has not each address once")
    return found, next(m for m in out["modules"] if m["path"] == path)


def lines_in(addresses):
    return "".join(f"{a:#x}\n" for a in addresses).encode()


def path_of(text):
    """A file as a referee names it; None: unknown."""
    return None if not text or text == "??" else os.path.normpath(text)


def name_of(text):
    return None if not text or text == "??" else text


def ask_llvm(path, addresses):
    command = ["llvm-symbolizer", "--output-style=JSON", "--inlines", "--no-demangle",
               f"--obj={path}"]
    done = subprocess.run(command, input=lines_in(addresses), stdout=subprocess.PIPE, check=True)
    found = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        found[int(answer["Address"], 16)] = [
            Frame(name_of(s["FunctionName"].partition("@")[0]), path_of(s["FileName"]), s["Line"],
                  declared=(path_of(s["StartFileName"]), s["StartLine"]))
            for s in answer.get("Symbol", [])]
    check(len(found) == len(addresses), "llvm-symbolizer has not each address:", path)
    return found


PLACE = re.compile(r"^(.*?):(\d+)(?::\d+)?(?: \(discriminator \d+\))?$")


def ask_eu(path, addresses, *options):
    """eu-addr2line names the caller of an inlined function in the line of its name
    too: that part is cut off."""
    done = subprocess.run(["eu-addr2line", "-a", "-i", "-f", *options, "-e", path],
                          input=lines_in(addresses), stdout=subprocess.PIPE)
    found, frames, name = {}, None, None
    for line in done.stdout.decode(errors="replace").splitlines():
        if re.fullmatch(r"0x[0-9a-f]{16}", line):
            frames = found[int(line, 16)] = []
            name = None
        elif name is None:
            name = line.partition(" inlined at ")[0]
        else:
            place = PLACE.match(line)
            check(place, "eu-addr2line said", line)
            frames.append(Frame(name_of(name.partition("@")[0]), path_of(place[1]),
                                int(place[2])))
            name = None
    check(len(found) == len(addresses), "eu-addr2line has not each address:", path)
    return found
