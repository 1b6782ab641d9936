# SPDX-License-Identifier: Apache-2.0
"""What t_json.py and t_report.py hold the reader's intervals against: a made trace
whose every figure rests on a known number of samples, and the ends of 95 % intervals
found by bisection of what defines them.  Nothing here is taken from the reader.
"""
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "trace"))
import mktrace
from mktrace import CPU, CREATOR, FINAL, MAIN, MS, PERIOD, RUSAGE, at, map_app

Z = 1.96
MEAN = 65536
CPU_NS, SYSTEM_NS = 1000 * MS, 350 * MS  # of the main thread
# function: samples (10 ms each), of the main thread but for worker's
SAMPLES = {"work": 9, "inner loop": 10, "worker": 3}
# function: (size, allocated, of these alive at the end)
BLOCKS = {"leak;it": (4096, 50, 3), "size 8": (8192, 9, 9), "work": (16384, 10, 10),
          "worker": (2048, 12, 0), "inner loop": (64 << 20, 5, 1)}


def bisect(low, high, is_inside):
    """Where is_inside turns false on the way from low, inside, to high."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if is_inside(middle) else (low, middle)
    return low


def of_share(k, n):
    """The shares p of which k of n trials lie within 1.96 standard deviations."""
    def inside(p):
        return abs(k / n - p) <= Z * math.sqrt(p * (1 - p) / n) + 1e-15
    return bisect(k / n, 0, inside), bisect(k / n, 1, inside)


class Sum:
    """An estimate of bytes from sampled blocks: its value and the ends of its interval."""

    def __init__(self, sizes, mean=MEAN):
        p = [-math.expm1(-size / mean) for size in sizes]
        self.n = len(sizes)
        self.value = sum(size / q for size, q in zip(sizes, p))
        self.variance = sum(size * size * (1 - q) / q / q for size, q in zip(sizes, p))
        self.low = max(0, self.value - Z * math.sqrt(self.variance))
        self.high = bisect(self.value, 10 * self.value + 10 * mean, lambda t: (t - self.value)**2 <=
                           Z * Z * (self.variance + mean * (t - self.value)))


def sizes(function, alive):
    size, allocated, left = BLOCKS[function]
    return [size] * (left if alive else allocated)


def write(directory, mean=MEAN):
    """Every block is allocated, in the order of BLOCKS, before the first is freed."""
    s = mktrace.Trace(settings=(), period=PERIOD, mean=mean, cpu_kernel=0).segment()
    m = map_app(s)
    main = ((m, at("_start")), (m, at("main")))
    stacks = {"worker": s.stack((m, at("worker")))}
    for function in ("work", "inner loop", "leak;it", "size 8"):
        stacks[function] = s.stack(*main, (m, at(function)))
    s.thread(1, 4242, "app", MAIN).thread(2, 4243, "worker", CREATOR, 0, 1, 0, (m, at("worker", 0)))
    s.cumulative().engine(0, 1, 1, 0, "perf", None).engine(0, 2, 1, 0, "program", None)
    s.thread_stats(0, [(1, CPU | RUSAGE, 0, 0, 0, 0, 0), (2, CPU | RUSAGE, 0, 0, 0, 0, 0)]).frame()
    thread = {f: 2 if f == "worker" else 1 for f in stacks}
    t = 0
    for function, n in SAMPLES.items():
        s.samples(t, PERIOD, [(t + i * PERIOD, thread[function], 0, 0, 1, stacks[function])
                              for i in range(n)])
        t += n * PERIOD
    allocated, freed, block = [], [], 0
    for function, (size, n, alive) in BLOCKS.items():
        for i in range(n):
            block += 1
            allocated.append((block * MS, thread[function], block, size, stacks[function]))
            if i >= alive:
                freed.append((500 * MS + block, thread[function], block))
    s.heap(0, mean, allocated + freed)
    size = {k: sum(x[0] * x[1] for f, x in BLOCKS.items() if thread[f] == k) for k in (1, 2)}
    calls = {k: sum(x[1] for f, x in BLOCKS.items() if thread[f] == k) for k in (1, 2)}
    flags = CPU | RUSAGE | FINAL
    s.thread_stats(CPU_NS, [
        (1, flags, CPU_NS, CPU_NS - SYSTEM_NS, SYSTEM_NS, calls[1], size[1]),
        (2, flags, 3 * PERIOD, 3 * PERIOD, 0, calls[2], size[2])])
    s.mark(CPU_NS, 5).end(CPU_NS).write(str(directory), 1)
    mktrace.write_symfs(str(directory.parent))
