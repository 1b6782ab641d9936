#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The outputs' time grows with distinct stacks, not with their number times
their depth: 100,000 stacks on one of 16,000 frames take seconds of CPU time and
no gigabytes.  Walking each stack by itself takes 10 s and more."""
import resource
import subprocess
import sys

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace

need("lz4")
DEPTH, STACKS, MS = 16000, 100000, 1000000
HOME.mkdir(exist_ok=True)


class Large(mktrace.Segment):
    """Compressed by lz4: our own compressor takes its time."""

    def frame(self):
        done = subprocess.run(["lz4", "-c"], input=bytes(self.records), stdout=subprocess.PIPE,
                              check=True)
        self.out += done.stdout
        self.records.clear()


def chunks(rows, size=50000):
    return [(at, rows[at:at + size]) for at in range(0, len(rows), size)]


trace = mktrace.Trace()
s = Large({**trace.fields, 2: 1, 20: 0}, trace.settings)
m = mktrace.map_app(s)
s.thread(1, 4242, "app", mktrace.MAIN, 0)
s.cumulative()
s.thread_stats(0, [(1, 7, 0, 0, 0, 0, 0)])
recursive, leaf = mktrace.at("work"), mktrace.at("inner loop", 0)
# a chain of callers, and below its end a place for each stack; 64 differ, the
# rest hang below one of those
nodes = [(i, recursive) for i in range(DEPTH)] + [(DEPTH, leaf + i) for i in range(64)]
nodes += [(DEPTH + 1 + i % 64, mktrace.at("worker", 0) + i // 64 % 128) for i in range(128 * 64)]
first = len(nodes) - 128 * 64
nodes += [(first + 1 + i % (128 * 64), mktrace.at("leak;it", 0) + i // (128 * 64))
          for i in range(STACKS)]
for at, part in chunks(nodes):
    s.record(3, mktrace.varints(at + 1, len(part)) +
             b"".join(mktrace.varints(at + 1 + i - parent, m << 1, offset)
                      for i, (parent, offset) in enumerate(part)))
    s.frame()
leaves = range(len(nodes) - STACKS + 1, len(nodes) + 1)
for at, part in chunks(leaves):
    s.samples(at * MS, MS, [((at + i) * MS, 1, 0, 0, 1, node) for i, node in enumerate(part)])
    s.frame()
s.thread_stats(STACKS * MS, [(1, 7, STACKS * MS, 0, 0, 0, 0)])
s.end(STACKS * MS, 2)
directory = HOME / "deep"
s.write(directory, 1)
mktrace.write_symfs(directory)

# Threads by the thousand, each in the deepest stack, none of which has their
# start routine.
for thread in range(2, 60000):
    s.thread(thread, 5000 + thread, "t", mktrace.CREATOR, 0, 1, 0, (m, mktrace.at("size 8", 0)))
s.frame()
s.samples(0, MS, [(MS, thread, 0, 0, 1, DEPTH) for thread in range(2, 60000)])
s.thread_stats(MS, [(thread, 4, 2 * MS, 0, 0, 0, 0) for thread in range(2, 60000)])
s.frame()
s.write(HOME / "threads", 1)
mktrace.write_symfs(HOME / "threads")

RUNS = [(directory, [c]) for c in ("check", "folded", "json", "report")]
RUNS += [(directory, ["report", "--peek", "work|leak"]), (directory, ["report", "--hide", "work"]),
         (directory, ["folded", "--focus", "worker", "--threads"]), (HOME / "threads", ["report"])]
for directory, command in RUNS:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    options = [] if command[0] == "check" else ["--symfs", directory / "symfs"]
    prof(*command, *options, "-o", HOME / "out", directory)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    note(command, f"{seconds:.2f} s of CPU time, {after.ru_maxrss >> 10} MiB at most so far")
    check(seconds < 4, command, "took", seconds, "s of CPU time")
    check(after.ru_maxrss < 256 << 10, command, "took", after.ru_maxrss, "KiB")
    if command == ["report"] and directory.name == "deep":
        lines = (HOME / "out").read_text().splitlines()
        row = next(line.split() for line in lines if line.endswith("  work"))
        # 100 s in all, none of it in the function itself, each stack counted once
        check(row == ["0", "0.0%", "100", "s", "0%", "100%", "work"], "recursion in the report:", row)

# All is the same for a user who may have no thread more than this one.  Nor has it a process
# then to look for names in: both find none.
user = users()[-1]
shutil.copytree(HOME / "deep", user.home / "copy")
run(["chmod", "-R", "a+rX", user.home / "copy"])
command = [user.file(PROF), "folded", "--symfs", "/nowhere", user.home / "copy"]
many, one = run(command, user), run(["prlimit", "--nproc=1:1", "--", *command], user)
check(one.status == many.status == 0, "status", many.status, one.status, one.err.decode()[:2000])
check(len(many.out) > 10000 and one.out == many.out, "without threads:", one.out[:300], many.out[:300])
