# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: running programs bare and profiled, as root
and as an ordinary user; reading `prof json`; statistical bounds.

A test fails by fail() or check(), skips by skip(), and passes by its end.
"""
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import time

SRC = pathlib.Path(os.environ.get("SRC", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("BUILD", SRC / "build"))
LIB = pathlib.Path(os.environ.get("LIB", BUILD / "libprof.so"))
PROF = pathlib.Path(os.environ.get("PROF", BUILD / "prof"))
W = pathlib.Path(os.environ.get("W", BUILD / "tests/work"))
ROOT = os.geteuid() == 0
ENGINES = ("perf", "timer")
NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all"]

# In front of a program: the library is refused descriptors of its own.
SHARED = [W / "w_deny", "close_range", "EPERM", W / "w_deny", "unshare", "EPERM"]
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
# Losses of an allocation; where none is, each is recorded.
ALLOC_LOSSES = ("heap_ring_full", "live_table_full")

LONG = "CHECK_LONG" in os.environ  # the long form of a test that has one
HOME = pathlib.Path(os.environ.get("TMPDIR", ".")).absolute() / "self"  # where programs run


def fail(message):
    print(message)
    sys.exit(1)


def skip(reason):
    print(reason)
    sys.exit(77)


def check(condition, *message):
    if not condition:
        fail(" ".join(str(m) for m in message))


def note(*message):
    """Shown only when the test fails."""
    print(*message, flush=True)


def need(*programs):
    """Skips unless every program is installed; `sqlite3 redis-server ...`."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        skip("not installed: " + " ".join(missing))


def wait_for(condition, what, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "never came:", what)
        time.sleep(0.002)


def measured(part, what, load, found):
    """A row of tests/RELIABILITY.md or tests/TRUTH.md (part: as in scripts/results-table):
    what was tried or is claimed, the load held or the number of tries, what came of it."""
    if "CHECK_RESULTS" in os.environ:
        row = {"part": part, "what": what, "load": load, "found": found,
               "test": pathlib.Path(sys.argv[0]).stem}
        with open(os.environ["CHECK_RESULTS"], "a") as f:
            f.write(json.dumps(row) + "\n")


class User:
    """Who a program runs as, in a directory of theirs with copies of our files
    that they may read wherever the tree itself lies."""

    def __init__(self, name):
        self.name, self.prefix = name, [] if name == "self" else NOBODY
        self.home = HOME.parent / name
        self.home.mkdir(exist_ok=True)
        if self.prefix:
            shutil.chown(self.home, "nobody", "nogroup")

    def file(self, path):
        """A path that the user can read."""
        path = pathlib.Path(path)
        if not self.prefix or str(path).startswith("/usr/"):
            return str(path)
        copy = self.home / "files" / path.name
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(path, copy)
            copy.chmod(0o755)
        return str(copy)


def users():
    """root (or whoever runs the tests) and, for root, an ordinary user."""
    return [User("self"), User("nobody")] if ROOT else [User("self")]


class Ran:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.lines = [line.split() for line in out.decode(errors="replace").splitlines()]

    def rows(self, key):
        """The lines that start with key, split, without it; numbers as such."""
        return [[int(w) if w.lstrip("-").isdigit() else w for w in line[1:]]
                for line in self.lines if line and line[0] == key]


def words(command, user=None, env=None):
    """The whole command line: what changes the user comes first, unprofiled."""
    setting = [f"{k}={v}" for k, v in (env or {}).items()]
    return [str(w) for w in (user.prefix if user else []) + (["env",
                                                              *setting] if setting
                                                             else []) + list(command)]


def run(command, user=None, env=None, cwd=None, stdin=None, timeout=50):
    user = user or User("self")
    done = subprocess.run(words(command, user, env), cwd=cwd or user.home, input=stdin or b"",
                          capture_output=True, timeout=timeout)
    return Ran(done.returncode, done.stdout, done.stderr)


def settings(**values):
    return {"LIBPROF_" + k.upper(): str(v) for k, v in values.items()}


def preload(user=None, extra=(), **values):
    """The environment of a profiled program: preload(out="t", cpu="perf")."""
    lib = (user or User("self")).file(LIB)
    return dict(settings(**values), LD_PRELOAD=":".join([lib, *map(str, extra)]))


def same(bare, profiled, what=""):
    check(profiled.status == bare.status, what, "status", profiled.status, "bare", bare.status,
          profiled.err.decode(errors="replace")[-2000:])
    check(profiled.out == bare.out, what, "output differs:\n",
          profiled.out.decode(errors="replace")[:3000],
          "\nbare:\n", bare.out.decode(errors="replace")[:3000])
    check(profiled.err == bare.err, what, "stderr differs:\n",
          profiled.err.decode(errors="replace")[:3000])


def work(name, *args, user=None, out="trace", env=None, quiet=True, status=0, timeout=50,
         **values):
    """Runs a work program under the library; returns (Ran, trace directory)."""
    user = user or User("self")
    ran = run([user.file(W / name), *args], user, dict(preload(user, out=out, **values),
                                                       **(env or {})), timeout=timeout)
    check(status is None or ran.status == status, name, "status", ran.status,
          ran.err.decode(errors="replace"))
    check(not quiet or ran.err == b"", name, "said on stderr:", ran.err.decode(errors="replace"))
    return ran, user.home / out


def prof(*args, status=0, cwd=None, env=None, timeout=50):
    """Runs prof; stdout as text."""
    done = run([PROF, *args], cwd=cwd or HOME, env=env, timeout=timeout)
    check(status is None or done.status == status, "prof", *args, "-> status", done.status,
          done.err.decode(errors="replace")[:2000])
    return done.out.decode(errors="surrogateescape")


class Profile:
    """`prof json`, with indexes followed: see stacks() and site().  Inlined
    functions are left out of the stacks: names are those of real frames."""

    def __init__(self, trace, *options, status=0, raw=None):
        self.raw = raw or json.loads(prof("json", *options, trace, status=status))
        self.process, self.threads = self.raw["process"], self.raw["threads"]
        engines = self.raw["engines"]
        self.cpu_engine, self.heap_engine = engines["cpu"]["name"], engines["heap"]["name"]
        self.kernel, self.mean = engines["cpu"]["kernel"], engines["heap"]["mean_bytes"]
        self.events = engines["events"]
        self.losses = {loss["name"]: loss["count"] for loss in self.raw["losses"]}
        self.frames = [self.frame_name(f) for f in self.raw["frames"]]
        self.known = {}

    def frame_name(self, frame):
        index = frame["function"]
        return self.raw["functions"][index]["name"] if index is not None else "?"

    def stack(self, index):
        """Function names of a stack, outermost first."""
        if index not in self.known:
            names, at = [], index
            while at is not None:
                s = self.raw["stacks"][at]
                if not self.raw["frames"][s["frame"]]["inlined"]:
                    names.append(self.frames[s["frame"]])
                at = s["parent"]
            self.known[index] = tuple(reversed(names))
        return self.known[index]

    def rows(self, table):
        for row in self.raw[table]:
            yield self.threads[row["thread"]], self.stack(row["stack"]), row

    def stacks(self):
        """(thread, names outermost first, samples, cpu_ns) of every CPU stack."""
        return [(t, s, r["count"], r["cpu_ns"]) for t, s, r in self.rows("samples")]

    def count(self, want=lambda names: True):
        return sum(n for _, s, n, _ in self.stacks() if want(s))

    def cpu(self, function=None, thread=None):
        """CPU ns of stacks with function anywhere in them."""
        return sum(ns for t, s, _, ns in self.stacks()
                   if (function is None or function in s) and (thread is None
                                                               or t["name"] == thread))

    def site(self, function):
        """Heap sums of the stacks that hold function."""
        names = ("alloc_n", "alloc_objects", "alloc_space", "inuse_n", "inuse_objects",
                 "inuse_space")
        total = dict.fromkeys(names, 0)
        for _, stack, row in self.rows("heap"):
            if function in stack:
                for name in names:
                    total[name] += row[name]
        return total

    def thread(self, tid):
        found = [t for t in self.threads if t["tid"] == tid]
        check(len(found) == 1, "threads with tid", tid, ":", found)
        return found[0]


MARKERS = {"[truncated]", "[broken]", "[no stack]", "[stack table full]", "[stitched]", "[damaged]"}


def is_whole(names):
    return bool(names) and not MARKERS & set(names)


def is_sampled(names):
    return not names[-1].endswith(("not sampled]", "[profiling off]"))


def check_whole(profile, least=0.99, root=("main", "__run_exit_handlers"), what=""):
    """At least this share of CPU samples have a whole stack with one of root in it (what
    runs after main's end is no less whole)."""
    total = profile.count(is_sampled)
    whole = profile.count(lambda s: is_sampled(s) and is_whole(s) and any(r in s for r in root))
    check(total > 0, what, "no samples")
    bad = [s for _, s, n, _ in profile.stacks() if is_sampled(s)
           and not (is_whole(s) and set(root) & set(s))]
    check(whole >= least * total, what, f"{whole} of {total} samples are whole; others:",
          *("\n  " + ";".join(s[:2] + ("...",) + s[-8:]) for s in bad[:5]))


def check_named(profile):
    for thread, stack, n, _ in profile.stacks():
        check(thread["name"], "samples on a thread without a name:", n, stack)


def near(got, wanted, share, what, slack=0):
    check(abs(got - wanted) <= share * wanted + slack, what, "is", got, "wanted", wanted,
          f"+- {share:.2%}" + (f" + {slack}" if slack else ""))


def check_share(n, hits, share, what, rate=1e-6):
    """hits of n samples for a true share: normal bound of the binomial, and one
    sample at each end, whose false-failure rate is at most rate (systematic
    sampling, as timers do it, varies less than that)."""
    z = math.sqrt(2 * math.log(2 / rate))  # P(|Z| > z) < 2 exp(-z*z/2)
    bound = z * math.sqrt(n * share * (1 - share)) + z * z / 6 + 1
    check(abs(hits - n * share) <= bound, what,
          f"{hits} of {n} samples, wanted {n * share:.0f} +- {bound:.0f}")


def least(n, share=0.95, rate=1e-8):
    """The most hits of n that fewer than rate of binomial draws fall short of."""
    below = 0
    for k in range(n + 1):
        below += math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) +
                          k * math.log(share) + (n - k) * math.log1p(-share))
        if below > rate:
            return k


def poisson_bound(calls, size, mean, rate=1e-6):
    """How far the estimate of bytes may be off for calls blocks of size under
    Poisson sampling with this mean; Bernstein's inequality, exceeded with a
    probability of at most rate whatever the numbers are.

    Each call is seen with p = 1 - exp(-size/mean) and then stands for size/p:
    variance size^2 (1-p)/p a call, no summand further off than size/p."""
    p = -math.expm1(-size / mean)
    variance, most, log = calls * size * size * (1 - p) / p, size / p, math.log(2 / rate)
    return most * log / 3 + math.sqrt((most * log / 3) ** 2 + 2 * variance * log)


def check_heap(got_bytes, calls, size, mean, what, rate=1e-6):
    bound = poisson_bound(calls, size, mean, rate) + 1
    check(abs(got_bytes - calls * size) <= bound, what,
          f"{got_bytes} bytes, wanted {calls * size} +- {bound:.0f}")


def segments(trace):
    return sorted(pathlib.Path(trace).glob("segment-*.lz4"))


def traces(directory):
    """Every trace directory below directory."""
    return sorted({s.parent for s in pathlib.Path(directory).rglob("segment-*.lz4")})


def build_missing():
    return [str(p) for p in (LIB, PROF, W / "w_mini") if not p.exists()]


if build_missing():
    fail("not built: " + " ".join(build_missing()))
HOME.mkdir(exist_ok=True)
