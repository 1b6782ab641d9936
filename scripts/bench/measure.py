# SPDX-License-Identifier: Apache-2.0
"""Running programs, bare and with something in front of them, and medians."""
import collections
import functools
import os
import pathlib
import random
import shutil
import signal
import statistics
import tempfile
import time

PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # the system's programs
ROUNDS_MIN = 7  # whatever the time
FOREVER = 10 ** 6  # seconds: as often as asked
MEMORY = "/dev/shm"
RUN_SECONDS = 300  # a program that takes longer hangs

# What a program is run with: a name, words before its own, additions to its environment.
Variant = collections.namedtuple("Variant", "name prefix env", defaults=((), {}))
BARE = Variant("bare")


class Failed(Exception):
    """A program could not be run or did not end well."""


class Missing(Failed):
    """A tool that a figure needs is not installed."""


class Result:
    """One finished run: seconds of wall time, of CPU of all its processes, pages of theirs that
    were touched for the first time, output."""

    def __init__(self, wall, usage, out):
        self.wall = wall
        self.cpu = usage.ru_utime + usage.ru_stime
        self.faults = usage.ru_minflt
        self.out = out

    def number(self, key, n):
        """Number n (1 is the first) of the line of output that begins with key."""
        for line in self.out.splitlines():
            fields = line.split()
            if fields and fields[0] == key:
                return float(fields[n])
        raise Failed(f"no line '{key}' in the output: {self.out[:200]!r}")


class Bench:
    """Where things are, how long to take, and how programs are started."""

    def __init__(self, build, quick):
        self.build = build
        self.quick = quick
        self.out = build / "bench"
        self.traces = self.out / "traces"
        self.library = build / "libprof.so"
        self.prof = build / "prof"
        self.work = build / "tests/work"
        self.shim = Variant("shim", (), {"LD_PRELOAD": str(self.out / "shim.so")})
        self.sampler = Variant("sampler", (), {"LD_PRELOAD": str(self.out / "sampler.so")})
        self.shim_thread = Variant("shim, thread", (), {**self.shim.env, "SHIM_THREAD": "1"})
        self.sampler_thread = Variant("sampler, thread", (),
                                      {**self.sampler.env, "SHIM_THREAD": "1"})
        drop = ("ENGINE_", "LIBPROF_", "LD_", "MALLOC_", "DEBUGINFOD", "LC_", "LANG", "BENCH_")
        self.clean = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        self.clean.update(LC_ALL="C", PATH=PATHS)
        self.remove_traces()

    @functools.cached_property
    def in_memory(self):
        """A directory on a file system without a disk, else one beside the traces."""
        here = MEMORY if os.access(MEMORY, os.W_OK) else self.out
        return pathlib.Path(tempfile.mkdtemp(prefix="libprof-bench-", dir=here))

    def remove_in_memory(self):
        shutil.rmtree(self.in_memory)
        del self.in_memory

    def remove_traces(self):
        shutil.rmtree(self.traces, ignore_errors=True)
        self.traces.mkdir(parents=True)

    def libprof(self, library=None, out=None, **settings):
        """The library in front; settings are its variables without LIBPROF_."""
        env = {"LD_PRELOAD": str(library or self.library),
               "LIBPROF_OUT": str((out or self.traces) / "%e-%p")}
        env.update({"LIBPROF_" + k: str(v) for k, v in settings.items()})
        return Variant("libprof", (), env)

    def engine(self, hz):
        """What the kernel takes for the library's samples, and nothing else: see engine.c."""
        return Variant(f"engine {hz}", (), {"LD_PRELOAD": str(self.out / "engine.so"),
                                            "ENGINE_HZ": str(hz)})

    def engine_asks(self, hz):
        """The same where each thread says who it is, and what CPU time it had."""
        plain = self.engine(hz)
        return Variant(f"{plain.name}, asking", (), {**plain.env, "ENGINE_ASKS": "1"})

    def perf(self, hz, *stacks):
        """perf record beside it; stacks are its options on what else to record."""
        return Variant(" ".join((f"perf -F {hz}", *stacks)),
                       ("perf", "record", "-q", "-F", str(hz), "-e", "cpu-clock", *stacks, "-o",
                        str(self.out / "perf.data")))

    def can_run(self, variant):
        try:
            self.run(["true"], variant)
        except Failed:
            return False
        return True

    @functools.cached_property
    def has_perf(self):
        """perf record is there, and allowed."""
        return self.can_run(self.perf(99))

    @functools.cached_property
    def has_engine(self):
        """perf events are allowed."""
        return self.can_run(self.engine(99))

    def run(self, argv, variant=BARE, meanwhile=None):
        """Runs a program to its end; meanwhile(pid), if given, is called while it runs."""
        words = [*variant.prefix, *(str(a) for a in argv)]
        program = shutil.which(words[0], path=PATHS)
        if not program:
            raise Missing(f"{words[0]} is not there")
        read, write = os.pipe()
        files = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                 (os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, write, 2)]
        env = {**self.clean, **variant.env}
        start = time.monotonic()
        pid = os.posix_spawn(program, words, env, file_actions=files, setpgroup=0)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(pid, signal.SIGKILL))
        signal.alarm(RUN_SECONDS)
        os.close(write)
        try:
            if meanwhile:
                meanwhile(pid)
            with os.fdopen(read, encoding="utf-8", errors="replace") as file:
                out = file.read()
        finally:
            _, status, usage = os.wait4(pid, 0)
            wall = time.monotonic() - start
            signal.alarm(0)
        if status:
            raise Failed(f"{words[0]}: status {status}: {out[-300:]}")
        return Result(wall, usage, out)

    def in_turn(self, runs, most, seconds, least=ROUNDS_MIN):
        """Calls each of runs (name: function) in turn, most times; less when the seconds are
        over, but at least so often.  Who comes first is drawn for each turn: a machine is
        slower after some than after others.  Returns name: list of what the function returned."""
        values = {name: [] for name in runs}
        order = random.Random(1)
        until = time.monotonic() + seconds
        for i in range(most):
            if i >= least and time.monotonic() > until:
                break
            for name, function in order.sample(list(runs.items()), len(runs)):
                values[name].append(function())
            self.remove_traces()
        return values

    def compare(self, argv, variants, most, seconds):
        """Runs argv with each of the variants in turn: name of the variant: list of results."""
        runs = {v.name: functools.partial(self.run, argv, v) for v in variants}
        return self.in_turn(runs, most, seconds)

    def pick(self, full, quick):
        return quick if self.quick else full


def ended(pid):
    """A child that can be waited for: its entries in /proc stay until then."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def need(*programs):
    for program in programs:
        if not shutil.which(program, path=PATHS):
            raise Missing(f"{program} is not installed")


def median_interval(values):
    """The 95 % interval of the median, free of assumptions: the k-th smallest and
    largest value, k as large as a fair coin allows.  Below six values it is the range."""
    ordered, n = sorted(values), len(values)
    chance, combinations, k = 0.0, 1.0, 0
    while k < n // 2:
        chance += combinations / 2 ** n
        if chance > 0.025:
            break
        combinations = combinations * (n - k) / (k + 1)
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def half_spread(values):
    """Half the distance between the quartiles: half of the values lie this close."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2
