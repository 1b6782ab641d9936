# SPDX-License-Identifier: Apache-2.0
"""The harness of the storms: runs a storm program (tests/work/w_storm_*.c, see
storm.h there) bare and profiled at every call and 1000 Hz or more, and holds the
traces against what the program says it did.

    from storm import *
    storm("w_storm_threads", name="thread create and join")

runs both engines, in the long form also as an ordinary user, and writes the row
of RELIABILITY.md.  The long form of a storm is 50 s: 30 s under perf and 10 s under
the timer engine as root, 5 s under each as the ordinary user; of a storm that only one
engine can stand, that one's share.

The accounting, by process:

- what was recorded and what was counted as lost are together the calls that
  the hooks counted, thread by thread;
- of the storm's own calls (they come from storm_malloc and storm_realloc)
  every one is recorded or among the lost: exactly, where nothing was lost, and but
  for those without a stack, which are a tenth of all at most;
- no call is told twice, nor counted as lost beside: what was counted beyond the storm's own
  calls was recorded as another's, or is that share of the lost;
- the same for frees: a block that the storm freed and the trace shows alive
  is a counted loss;
- a process that has died without notice may lack what the program's own log says it did
  after its last flush, and in its last second;
- the engine of each trace is the one asked for, and there are as many samples for each second of
  CPU time, those lost with them, as the storm leaves it able to take.
"""
import concurrent.futures
import signal
import threading
import time

from lib import *

SHORT_S = 2.0
LONG_S, LONG_TIMER_S, LONG_USER_S = 30.0, 10.0, 5.0  # perf and timer as root; both otherwise
# Samples a second of CPU time, those lost with them, that a storm takes at least.  perf is asked
# for 1000; CPU timers go off at a tick, 100 to 1000 times a second, in whose turn that is.  Where
# kernel code is not sampled, how much of it there was is known no better than ticks tell.
LEAST_RATES = {"perf": 700, "timer": 60} if LONG else {"perf": 400, "timer": 30}
SITES = ("storm_malloc", "storm_realloc")
OPEN_ENDED = ("[no stack]", "[broken]", "[stack table full]")


class Witness(threading.Thread):
    """How late a thread that sleeps 5 ms wakes, at worst, in seconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late, self.over = 0, False
        self.start()

    def run(self):
        while not self.over:
            began = time.monotonic()
            time.sleep(0.005)
            self.late = max(self.late, time.monotonic() - began - 0.005)

    def stop(self):
        self.over = True
        self.join()
        return self.late


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


EXEC_WAIT_S = 0.1  # LAST_FLUSH_NS (hook_process.c)
LATE_S = 0.9  # STORM_OLD_NS (storm.h) but two flush periods
OTHERS_LOST = 100  # of a process, allocations of libc's own, where hardly any are recorded


def documents(directory):
    """`prof check` and `prof json` of every trace below directory: Profiles."""
    if not traces(directory):
        return []
    prof("check", directory, timeout=900)
    raw = json.loads(prof("json", directory, timeout=900))
    return [Profile(None, raw=doc) for doc in raw.get("traces", [raw])]


def others_share(counted, recorded, others):
    """How many of a thread's lost calls may be of others than the storm: their share of what
    was recorded of it, twice that because losses come in bursts."""
    lost = max(0, counted - recorded)
    return min(lost, 2 * lost * others // max(1, recorded))


class Account:
    """What the traces of one process (several, when it called exec) say."""

    def __init__(self, engine):
        self.engine = engine  # of CPU samples, which each trace must say it had; None: any
        self.recorded = self.alive = self.storm = self.storm_alive = self.unknown = 0
        self.lost = self.lost_frees = self.counted = self.samples = self.lost_samples = 0
        self.cpu_ns = 0
        self.lost_others = OTHERS_LOST  # at most
        self.ended = True  # every trace of it
        self.traces = 0  # that hold something, or say how they ended
        self.sampled_traces = 0

    def add(self, p):
        ended = p.process["state"] in ("exit", "exec")
        self.traces += ended or bool(p.raw["heap"])
        threads = [[t["alloc_calls"], 0, 0] for t in p.threads]  # counted, recorded, of others
        for _, stack, row in p.rows("heap"):
            stack = [function.partition("(")[0] for function in stack]
            thread = threads[row["thread"]]
            thread[1] += row["alloc_n"]
            self.alive += row["inuse_n"]
            if any(site in stack[-2:] for site in SITES):
                self.storm += row["alloc_n"]
                self.storm_alive += row["inuse_n"]
            elif stack and stack[0] in OPEN_ENDED and len(stack) < 3:
                self.unknown += row["alloc_n"]
            else:
                thread[2] += row["alloc_n"]
        self.recorded += sum(recorded for _, recorded, _ in threads)
        self.lost_others += sum(others_share(*thread) for thread in threads)
        self.counted += sum(t["alloc_calls"] for t in p.threads)
        self.counted += p.process["ended_before"]["alloc_calls"]
        self.lost += sum(p.losses[name] for name in ALLOC_LOSSES)
        self.lost_frees += p.losses["free_ring_full"]
        self.ended &= ended
        self.samples += p.count(is_sampled)
        self.sampled_traces += p.count(is_sampled) > 0
        self.lost_samples += p.losses["cpu_ring_full"] + p.losses["timer_ring_full"]
        self.cpu_ns += p.process["cpu_ns"] - p.process["kernel_not_sampled_ns"]
        check(self.engine in (p.cpu_engine, None), "asked for", self.engine, "there was",
              p.cpu_engine)
        for name in ("write_failed", "segment_dropped"):
            check(p.losses[name] == 0, name, p.losses[name])

    def check(self, what, calls, live, racing, late, late_frees):
        """Against the program's word; raises nothing, returns what is wrong.
        racing: calls of threads that went on while the process ended; late: those that
        its trace may lack where it had no time to end."""
        wrong = []
        if self.ended:
            late_frees = 0
        else:
            racing = max(racing, late)
        told = self.recorded + self.lost
        if not told - (0 if self.ended else late) <= self.counted <= told + racing:
            wrong.append(f"recorded {self.recorded} + lost {self.lost} are not the "
                         f"{self.counted} calls the hooks counted, {racing} at the end")
        most = self.storm + self.lost + self.unknown + racing
        if not self.storm - racing <= calls <= most:
            wrong.append(f"{calls} calls, of which {self.storm} are recorded, {self.lost} lost, "
                         f"{self.unknown} without a stack, {racing} at the end")
        others = self.recorded - self.storm - self.unknown
        least = self.counted - others - self.unknown - min(self.lost, self.lost_others) - racing
        if calls < least:
            wrong.append(f"{calls} calls, counted {self.counted}, of others {others}, "
                         f"{self.lost} lost, {self.unknown} without a stack, {racing} at the end")
        if self.unknown > self.recorded // 10 + 10:
            wrong.append(f"{self.unknown} of {self.recorded} recorded calls have no stack")
        # A block whose allocation was lost is not missed when it is freed.
        least = live - self.lost - self.unknown - racing
        if not least <= self.storm_alive <= live + self.lost_frees + racing + late_frees:
            wrong.append(f"{live} blocks are alive, {self.storm_alive} in the trace, "
                         f"{self.lost_frees} frees lost, {racing} and {late_frees} at the end")
        return [f"{what}: {w}" for w in wrong]


def accounts(directory, engine):
    found = {}
    for p in documents(directory):
        found.setdefault(p.process["pid"], Account(engine)).add(p)
    return found


class Result:
    """Sums over the runs of one storm, for RELIABILITY.md."""

    def __init__(self):
        self.load, self.calls, self.lost, self.lost_frees = {}, 0, 0, 0
        self.samples, self.lost_samples, self.seconds, self.traceless = 0, 0, 0, 0

    def add(self, ran, found, seconds):
        for name, n in ran.rows("load"):
            self.load[name] = self.load.get(name, 0) + n
        self.calls += sum(row[1] for row in ran.rows("calls"))
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
        if self.traceless:
            lost += f"; {self.traceless:,} images had no trace"
        return ", ".join(load), lost


def truths(ran):
    """pid -> [calls, live, racing, late, late frees] of the program's own count; a pid that
    called exec or was used again has several rows."""
    found = {}
    for pid, *figures in ran.rows("calls"):
        found[pid] = [a + b for a, b in zip(found.get(pid, [0] * 5), figures)]
    return found


def forgive(what, ran, found, said, one_in, late_s):
    """exec waits a bounded time: on a starved machine an image may be over before its
    trace has begun, or anything of it is written.  Of the images of a process, all of which do
    the same, one in so many may have no trace, or ten where this machine was late by a tenth
    of that time; what it did is not asked for, all else is.  How many there were."""
    missing = 0
    one_in = one_in // 10 if late_s > EXEC_WAIT_S / 10 else one_in
    for pid, figures in said.items():
        images = sum(row[0] == pid for row in ran.rows("calls"))
        traceless = images - found[pid].traces if pid in found else images
        note(what, traceless, "of", images, "images without a trace")
        check(0 <= traceless <= images // one_in, traceless, "of", images, "images have no trace")
        for i, n in enumerate(figures):
            check(n % images == 0, "images that differ:", figures)
            figures[i] -= n // images * traceless
        missing += traceless
    return missing


def keeps_pace(what, ran, command, env, user, seconds, pace):
    """pace: (load, enough, share): as much of it a second, or that share of what a bare run
    reaches at the same time, so that both have the same machine; in one of six tries, or
    all of them together."""
    name, enough, share = pace
    if dict(ran.rows("load"))[name] / seconds >= enough:
        return
    seconds = min(seconds, 10)
    command = [command[0], seconds, *command[2:]]
    all_got = all_bare = 0
    for _ in range(6):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            rates = [pool.submit(run_limited, command, user, values, 10 * seconds + 20)
                     for values in ({}, env)]
            bare, got = (dict(job.result().rows("load"))[name] / seconds for job in rates)
        all_got, all_bare = all_got + got, all_bare + bare
        note(f"{what}: {got:.0f} {name} a second, bare {bare:.0f}")
        if got >= min(enough, share * bare) or all_got >= share * all_bare:
            return
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


def is_sampled_enough(what, found, least_rate):
    """Where there was CPU time enough for 200 samples at that rate.  No chance is in it: the
    storms take at least 1.3 times as many, on a busy machine as well."""
    cpu_s = sum(a.cpu_ns for a in found.values()) / 1e9
    samples = sum(a.samples + a.lost_samples for a in found.values())
    note(f"{what}: {samples} samples and losses in {cpu_s:.2f} s of CPU time")
    if cpu_s * least_rate >= 200:
        check(samples >= cpu_s * least_rate, what, samples, "samples and losses in",
              f"{cpu_s:.2f} s of CPU time, wanted {least_rate} a second")


def storm_once(program, args, engine, user, seconds, bare, result, examine=None,
               least_limit=0, traceless=0, pace=None, gives_way=(), least_rates=LEAST_RATES,
               **values):
    what = f"{program} {' '.join(map(str, args))} {engine} {user.name}".replace("  ", " ")
    top = user.home / f"storm-{engine}"
    top.mkdir()
    if user.prefix:
        shutil.chown(top, "nobody", "nogroup")
    every = dict(dict(cpu=engine, cpu_hz=1000, heap_bytes=1, limit_bytes=0, flush_ms=50), **values)
    witness = Witness()
    began = time.monotonic()
    command = [user.file(W / program), seconds, *args]
    ran = run_limited(command, user, preload(user, out=top / "t-%p", **every),
                      max(10 * seconds + 20, least_limit))
    took = time.monotonic() - began
    late_s = witness.stop()
    compare(what, bare, ran)
    found = accounts(top, None if engine in gives_way else engine)
    said, wrong = truths(ran), []
    if engine not in gives_way:
        is_sampled_enough(what, found, least_rates[engine] * (0.4 if user.prefix else 1))
    if traceless:
        result.traceless += forgive(what, ran, found, said, traceless, late_s)
    if pace:
        keeps_pace(what, ran, command, preload(user, out=top / "again-%p", **every), user, seconds,
                   pace)
    for pid, figures in said.items():
        if late_s > LATE_S:  # what is a second old may be as late as that
            figures[3:] = figures[0], figures[0]
        if figures[0] and pid not in found:
            wrong.append(f"{what}: process {pid} made {figures[0]} calls and has no trace")
        elif figures[0]:
            wrong += found[pid].check(f"{what}: process {pid}", *figures)
    cut = [pid for pid, (calls, _, racing, *_) in said.items()
           if pid in found and not found[pid].ended
           and calls > found[pid].storm + found[pid].lost + found[pid].unknown + racing]
    if len(cut) > 1 + len(said) // 100:
        wrong.append(f"{what}: {len(cut)} of {len(said)} processes have a trace without an end, "
                     "and calls that are not in it")
    check(not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20]))
    check(sum(figures[0] for figures in said.values()) > 0, what, "did nothing")
    if examine:
        examine(what, ran, top, found)
    result.add(ran, found, seconds)
    note(f"{what}: {took:.1f} s, {result.texts()}")
    shutil.rmtree(top)


def long_seconds(user, engine):
    if user.prefix:
        return LONG_USER_S
    return LONG_S if engine == "perf" else LONG_TIMER_S


def storm(program, *args, name, engines=ENGINES, only=ENGINES, short_s=SHORT_S, files=(), **more):
    """One storm: name is its row in RELIABILITY.md.  engines: those of the short
    form; the long form has those of only, and both users.  files: what the program opens
    beside itself.  more: examine(what, ran, traces, accounts), called when all was well;
    least_limit, seconds before it hangs, where work and not time ends it; traceless, see
    forgive(); pace, see keeps_pace(); gives_way, engines whose signal the program takes for
    itself; least_rates, where they are not LEAST_RATES; settings."""
    result = Result()
    for user in users() if LONG else users()[:1]:
        for name_of_file in files:
            user.file(W / name_of_file)
        bare = run_limited([user.file(W / program), 0.3, *args], user, {}, 60)
        check(bare.status == 0, program, "fails without the library:", bare.err)
        for engine in only if LONG else engines:
            seconds = long_seconds(user, engine) if LONG else short_s
            storm_once(program, args, engine, user, seconds, bare, result, **more)
    measured("storms", name, *result.texts())
