# SPDX-License-Identifier: Apache-2.0
"""The reader's figures: prof on traces of millions of events, and on a large program."""
import os
import pathlib
import re
import subprocess
import sys
import threading

from measure import Failed
from scales import Scale
from table import Row

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests/trace"))

import big_binary
import mktrace

SAMPLES, EVENTS, STACKS = 10_000_000, 2_000_000, 100_000
FUNCTIONS, FUNCTION_BYTES, TEXT = 20_000, 64, 0x200000


def make_trace(bench, name, *arguments):
    """The directory of a generated trace, made when it is not there."""
    directory = bench.out / name
    if not (directory / "whole").exists():
        directory.mkdir(parents=True, exist_ok=True)
        for file in directory.iterdir():
            file.unlink()
        bench.run([bench.out / "gentrace", directory, *arguments])
        (directory / "whole").touch()
    return directory


def make_events(bench, times, part=1):
    program = bench.out / "generated"
    if not program.exists():
        program.write_bytes(mktrace.elf(
            [(f"project::module_{i % 97}::function_{i}", TEXT + i * FUNCTION_BYTES, FUNCTION_BYTES)
             for i in range(FUNCTIONS)], b"", base=TEXT))
    return make_trace(bench, f"events-{times / part:g}", SAMPLES * times // part,
                      EVENTS * times // part, STACKS, program,
                      f"{TEXT:x}", FUNCTIONS * FUNCTION_BYTES, 3 * FUNCTIONS)


def make_addresses(bench):
    program = big_binary.make(bench.out / "big")
    sections = subprocess.run(["readelf", "-SW", program], capture_output=True, text=True,
                              check=True).stdout
    text = re.search(r" \.text +PROGBITS +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", sections)
    return make_trace(bench, "addresses", 500_000, 0, 40_000, program, text[1], int(text[2], 16),
                      100_000)


def resident(pid):
    """Bytes of a process and of its children, now."""
    total = 0
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = file.read().split()
        for each in [pid, *children]:
            with open(f"/proc/{each}/statm", encoding="ascii") as file:
                total += int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        pass  # it has just ended
    return total


def folded(bench, trace):
    """Seconds, CPU seconds and MiB at most of one run; the output goes to a file."""
    most, done = [0], threading.Event()

    def watch(pid):
        def look():
            while not done.wait(0.005):
                most[0] = max(most[0], resident(pid))

        thread = threading.Thread(target=look)
        thread.start()
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        done.set()
        thread.join()

    run = bench.run([bench.prof, "folded", "-o", bench.out / "folded", trace],
                    meanwhile=watch)
    size = (bench.out / "folded").stat().st_size
    if size < 1 << 20:
        raise Failed(f"an output of {size} bytes")
    (bench.out / "folded").unlink()
    return run.wall, run.cpu, most[0] / 2 ** 20


def repeat(bench, trace, times):
    return list(zip(*(folded(bench, trace) for _ in range(times))))


def reader(bench, notes):
    """prof folded: 10 and 100 million samples on as many stacks, 100,000 addresses."""
    folded(bench, make_events(bench, 1))  # once for the page cache
    wall, cpu, memory = repeat(bench, make_events(bench, 1), 5)
    yield Row("prof folded, 10 M samples, 2 M heap events", "s", [], wall, None, 1.5)
    yield Row("the same, CPU time", "s", [], cpu, None)
    yield Row("the same, resident", "MiB", [], memory, None, 256)
    more = repeat(bench, make_events(bench, 10), 2)
    n = min(len(wall), len(more[0]))
    yield Row("ten times the events: times the time", "", [],
              [b / a for a, b in zip(wall[:n], more[0])], None, 12)
    yield Row("ten times the events: memory", "MiB", memory[:n], more[2][:n], "ratio", 5,
              "once")
    wall, cpu, memory = repeat(bench, make_addresses(bench), 3)
    yield Row("prof folded, 100,000 addresses in 200 MB", "s", [], wall, None, 10)
    yield Row("the same, CPU time", "s", [], cpu, None)
    yield Row("the same, resident, all processes", "MiB", [], memory, None, 512)
    notes.append("prof folded: traces of gentrace, 100,000 stacks of 5 to 60 frames in 16 threads; "
                 "the 200 MB are a C++ program with debug information, inline chains are looked "
                 "up.  Resident memory is looked at every 5 ms, files in memory included.")


def events(bench, notes):
    """Seconds and MiB of prof folded by the length of the trace."""
    runs = {SAMPLES // part // 10 ** 6: repeat(bench, make_events(bench, 1, part), bench.pick(5, 3))
            for part in (10, 5, 2, 1)}
    yield Scale("prof folded, CPU time", "million samples", "s", {n: r[1] for n, r in runs.items()})
    yield Scale("prof folded, resident", "million samples", "MiB",
                {n: r[2] for n, r in runs.items()})
    notes.append("million samples: and a fifth as many heap events, on the same 100,000 stacks.")


WORKS = {"reader": reader}
SCALES = {"events": events}
