# SPDX-License-Identifier: Apache-2.0
"""The harness of the storms: runs a storm program (tests/work/w_storm_*.c, see
storm.h there) bare and profiled at every call and 1000 Hz or more, and holds the
traces against what the program says it did.

    from storm import *
    storm("w_storm_threads", name="thread create and join")

runs both engines, in the long form also as an ordinary user, and writes the row
of RELIABILITY.md.  The accounting, by process:

- what was recorded and what was counted as lost are together the calls that
  the hooks counted, thread by thread;
- of the storm's own calls (they come from storm_malloc and storm_realloc)
  every one is recorded or among the lost: exactly, where nothing was lost, and but
  for those without a stack, which are a tenth of all at most;
- the same for frees: a block that the storm freed and the trace shows alive
  is a counted loss.
"""
import signal
import time

from lib import *

SHORT_S = 2.0
LONG_S, LONG_TIMER_S, LONG_USER_S = 30.0, 10.0, 5.0  # perf and timer as root; both otherwise
SITES = ("storm_malloc", "storm_realloc")
OPEN_ENDED = ("[no stack]", "[broken]", "[stack table full]")


class Hung(Exception):
    pass


def where_threads_are(pid):
    """For the report of a hang: name, kernel function and call of the threads, those that
    are alike together, the fewest first."""
    places = {}
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        words = []
        for name in ("comm", "wchan", "syscall"):
            try:
                words.append((task / name).read_text().split()[0])
            except (OSError, IndexError):
                words.append("?")
        places.setdefault(tuple(words), []).append(task.name)
    for words, tids in sorted(places.items(), key=lambda place: len(place[1])):
        note("   ", len(tids), "threads:", *words, "such as", tids[0])


def run_limited(command, user, env, limit, cwd=None):
    """lib.run() with a process group of its own, all of which is ended when the
    limit is over; a hang is told with the place of every thread."""
    proc = subprocess.Popen(words(command, user, env), cwd=cwd or user.home,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = proc.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        note("hangs:", *command)
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == proc.pid:  # its session
                note("  process", stat.parent.name, "state", fields[0])
                where_threads_are(stat.parent.name)
        os.killpg(proc.pid, signal.SIGKILL)
        proc.communicate()
        fail(f"{' '.join(map(str, command))}: not done after {limit:.0f} s")
    return Ran(proc.returncode, out, err)


def documents(directory):
    """`prof check` and `prof json` of every trace below directory: Profiles."""
    if not traces(directory):
        return []
    prof("check", directory, timeout=900)
    raw = json.loads(prof("json", directory, timeout=900))
    return [Profile(None, raw=doc) for doc in raw.get("traces", [raw])]


class Account:
    """What the traces of one process (several, when it called exec) say."""

    def __init__(self):
        self.recorded = self.alive = self.storm = self.storm_alive = self.unknown = 0
        self.lost = self.lost_frees = self.counted = self.samples = self.lost_samples = 0
        self.ended = True  # every trace of it
        self.traces = 0  # that hold something, or say how they ended

    def add(self, p):
        ended = p.process["state"] in ("exit", "exec")
        self.traces += ended or bool(p.raw["heap"])
        for _, stack, row in p.rows("heap"):
            stack = [function.partition("(")[0] for function in stack]
            self.recorded += row["alloc_n"]
            self.alive += row["inuse_n"]
            if any(site in stack[-2:] for site in SITES):
                self.storm += row["alloc_n"]
                self.storm_alive += row["inuse_n"]
            elif stack and stack[0] in OPEN_ENDED and len(stack) < 3:
                self.unknown += row["alloc_n"]
        self.counted += sum(t["alloc_calls"] for t in p.threads)
        self.counted += p.process["ended_before"]["alloc_calls"]
        self.lost += sum(p.losses[name] for name in ALLOC_LOSSES)
        self.lost_frees += p.losses["free_ring_full"]
        self.ended &= ended
        self.samples += p.count(is_sampled)
        self.lost_samples += p.losses["cpu_ring_full"] + p.losses["timer_ring_full"]
        for name in ("write_failed", "segment_dropped"):
            check(p.losses[name] == 0, name, p.losses[name])

    def check(self, what, calls, live, racing):
        """Against the program's word; raises nothing, returns what is wrong.
        racing: calls of threads that went on while the process ended."""
        wrong = []
        if not self.ended:
            # Killed, or the writer had no turn while the end waited: the last flush took the
            # events first and read the running threads' totals a little later.
            racing = max(racing, self.counted - self.recorded - self.lost)
        if not self.recorded + self.lost <= self.counted <= self.recorded + self.lost + racing:
            wrong.append(f"recorded {self.recorded} + lost {self.lost} are not the "
                         f"{self.counted} calls the hooks counted, {racing} at the end")
        # What it did after its last flush is in no trace: storm_once() counts such processes.
        most = self.storm + self.lost + self.unknown + racing if self.ended else calls
        if not self.storm - racing <= calls <= most:
            wrong.append(f"{calls} calls, of which {self.storm} are recorded, {self.lost} lost, "
                         f"{self.unknown} without a stack, {racing} at the end")
        if self.unknown > self.recorded // 10 + 10:
            wrong.append(f"{self.unknown} of {self.recorded} recorded calls have no stack")
        # A block whose allocation was lost is not missed when it is freed.
        least = live - self.lost - self.unknown - racing if self.ended else 0
        most = live + self.lost_frees + racing if self.ended else self.storm
        if not least <= self.storm_alive <= most:
            wrong.append(f"{live} blocks are alive, {self.storm_alive} in the trace, "
                         f"{self.lost_frees} frees lost")
        return [f"{what}: {w}" for w in wrong]


def accounts(directory):
    found = {}
    for p in documents(directory):
        found.setdefault(p.process["pid"], Account()).add(p)
    return found


class Result:
    """Sums over the runs of one storm, for RELIABILITY.md."""

    def __init__(self):
        self.load, self.calls, self.lost, self.lost_frees = {}, 0, 0, 0
        self.samples, self.lost_samples, self.processes, self.seconds = 0, 0, 0, 0

    def add(self, ran, found, seconds):
        for name, n in ran.rows("load"):
            self.load[name] = self.load.get(name, 0) + n
        self.calls += sum(row[1] for row in ran.rows("calls"))
        self.processes += len(ran.rows("calls"))
        self.seconds += seconds
        for a in found.values():
            self.lost += a.lost
            self.lost_frees += a.lost_frees
            self.samples += a.samples
            self.lost_samples += a.lost_samples

    def texts(self):
        load = [f"{n:,} {name.replace('_', ' ')}" for name, n in self.load.items()]
        load.append(f"{self.calls:,} allocations in {self.seconds:.0f} s")
        lost = (f"{self.lost:,} allocations, {self.lost_frees:,} frees, {self.lost_samples:,} of "
                f"{self.samples + self.lost_samples:,} samples")
        return ", ".join(load), lost


def truths(ran):
    """pid -> [calls, live, racing] of the program's own count; a pid that called exec
    or was used again has several rows."""
    found = {}
    for pid, *figures in ran.rows("calls"):
        found[pid] = [a + b for a, b in zip(found.get(pid, (0, 0, 0)), figures)]
    return found


def forgive(ran, found, said, one_in):
    """exec waits a bounded time: on a starved machine an image may be over before its
    trace has begun, or anything of it is written.  Of the images of a process, all of which do the same, one in so many
    may have no trace; what it did is not asked for, all else is."""
    for pid, figures in said.items():
        images = sum(row[0] == pid for row in ran.rows("calls"))
        traceless = images - found[pid].traces if pid in found else images
        check(0 <= traceless <= images // one_in, traceless, "of", images, "images have no trace")
        for i, n in enumerate(figures):
            check(n % images == 0, "images that differ:", figures)
            figures[i] -= n // images * traceless


def keeps_pace(what, ran, command, env, user, seconds, pace):
    """pace: (load, enough): as much of it a second, or half of what a bare run of the same
    length reaches here.  The machine may be busier in one run than in the next: three tries."""
    name, enough = pace
    for _ in range(3):
        got = dict(ran.rows("load"))[name] / seconds
        if got >= enough:
            return
        bare = dict(run_limited(command, user, {}, 10 * seconds + 20).rows("load"))[name] / seconds
        note(f"{what}: {got:.0f} {name} a second, bare {bare:.0f}")
        if got >= bare / 2:
            return
        ran = run_limited(command, user, env, 10 * seconds + 20)
    fail(f"{what}: {got:.0f} {name} a second, bare {bare:.0f}")


def compare(what, bare, ran):
    """Same exit status, same stderr, same shape of the output, same `must` lines."""
    check(ran.status == bare.status, what, "status", ran.status, "bare", bare.status,
          ran.err.decode(errors="replace")[-2000:])
    check(ran.err == bare.err, what, "stderr:", ran.err.decode(errors="replace")[-2000:])
    check(ran.rows("must") == bare.rows("must"), what, "must:", ran.rows("must"), "bare",
          bare.rows("must"))
    shape, bare_shape = ({line[0] for line in r.lines} for r in (ran, bare))
    check(shape == bare_shape, what, "kinds of lines:", shape, "bare", bare_shape)


def storm_once(program, args, engine, user, seconds, bare, result, examine=None,
               least_limit=0, traceless=0, pace=None, **values):
    what = f"{program} {' '.join(map(str, args))} {engine} {user.name}".replace("  ", " ")
    top = user.home / f"storm-{engine}"
    top.mkdir()
    if user.prefix:
        shutil.chown(top, "nobody", "nogroup")
    every = dict(dict(cpu=engine, cpu_hz=1000, heap_bytes=1, limit_bytes=0, flush_ms=50), **values)
    began = time.monotonic()
    command = [user.file(W / program), seconds, *args]
    ran = run_limited(command, user, preload(user, out=top / "t-%p", **every),
                      max(10 * seconds + 20, least_limit))
    took = time.monotonic() - began
    compare(what, bare, ran)
    found, said, wrong = accounts(top), truths(ran), []
    if traceless:
        forgive(ran, found, said, traceless)
    if pace:
        keeps_pace(what, ran, command, preload(user, out=top / "again-%p", **every), user, seconds,
                   pace)
    for pid, figures in said.items():
        if figures[0] and pid not in found:
            wrong.append(f"{what}: process {pid} made {figures[0]} calls and has no trace")
        elif figures[0]:
            wrong += found[pid].check(f"{what}: process {pid}", *figures)
    cut = [pid for pid, (calls, _, racing) in said.items()
           if pid in found and not found[pid].ended
           and calls > found[pid].storm + found[pid].lost + found[pid].unknown + racing]
    if len(cut) > 1 + len(said) // 100:
        wrong.append(f"{what}: {len(cut)} of {len(said)} processes have a trace without an end, "
                     "and calls that are not in it")
    check(not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20]))
    check(sum(figures[0] for figures in said.values()) > 0, what, "did nothing")
    if examine:
        examine(what, ran, top)
    result.add(ran, found, seconds)
    note(f"{what}: {took:.1f} s, {result.texts()}")
    shutil.rmtree(top)


def long_seconds(user, engine):
    if user.prefix:
        return LONG_USER_S
    return LONG_S if engine == "perf" else LONG_TIMER_S


def storm(program, *args, name, engines=ENGINES, short_s=SHORT_S, files=(), **more):
    """One storm: name is its row in RELIABILITY.md.  engines: those of the short
    form; the long form has both, and both users.  files: what the program opens
    beside itself.  more: examine(what, ran, traces), called when all was well;
    least_limit, seconds before it hangs, where work and not time ends it; traceless, see
    forgive(); pace, see keeps_pace(); settings."""
    result = Result()
    for user in users() if LONG else users()[:1]:
        for name_of_file in files:
            user.file(W / name_of_file)
        bare = run_limited([user.file(W / program), 0.3, *args], user, {}, 60)
        check(bare.status == 0, program, "fails without the library:", bare.err)
        for engine in ENGINES if LONG else engines:
            seconds = long_seconds(user, engine) if LONG else short_s
            storm_once(program, args, engine, user, seconds, bare, result, **more)
    measured("storms", name, *result.texts())
