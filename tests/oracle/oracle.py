# SPDX-License-Identifier: Apache-2.0
"""The conformity oracle: runs a workload without and with the library and tells
what differs: stdout, stderr, status (a negative one is the signal of death), the
files it leaves (path, mode, content), processes it leaves, and the state each of
its processes sees of itself (tests/work/p_state.c: descriptors, dispositions,
masks, limits, timers, directory, ids, environment).  Besides, every trace must
pass `prof check`, the programs named must have left traces, and one of the first
of them must be by the CPU engine asked for and, where every allocation is
recorded (-all), have some.

A workload is an executable workloads/NAME.sh or NAME.py.  It runs in an empty
directory of its own (also its HOME and TMPDIR), everything in it preloaded, and
prints only lines that are the same in every run: a program that is not
deterministic gets a checker that prints verdicts.  It finds ORACLE_WORK (the
programs of tests/work/) and ORACLE_SRC (this tree) in its environment, and in the
long form ORACLE_LONG.  Comment lines at its top say what the oracle should know:

    programs: bash sed*3     must leave at least so many traces
    records: no REASON       of these programs nothing need be recorded
    records: heap REASON     heap alone: what denies them a CPU engine
    records: cpu REASON      CPU alone: what hides their heap, or ends them too soon
    masks: pid               of masks.py, for output and files; none unless said
    hides: make              of masks.py, for states
    status: 3                its exit status (0)
    states: set REASON       states are compared as a set: their number is left to chance
    states: lines REASON     their lines are, of each program: which of them meet is, too
    states: start REASON     only that of each image's start is looked at
    needs: git openssl       programs; else it is skipped, or fails in the long form
    limit: 120               seconds until it counts as hung (60)
    user: root REASON        not run as an ordinary user; nobody: as no other
    short: no REASON         only in the long form
    short: perf timer-all    the settings of its short form (one, by its name)
    first: LIBRARY           preloaded in front of ours, in both runs
    last: LIBRARY            behind ours
"""
import collections
import ctypes
import difflib
import hashlib
import re
import signal
import stat
import time
import zlib

from lib import *
from masks import *
from recorded import *

HERE = pathlib.Path(__file__).resolve().parent
ALL = dict(heap_bytes=1, cpu_hz=2000)
SETTINGS = {
    "perf": dict(cpu="perf"),
    "timer": dict(cpu="timer"),
    "perf-all": dict(cpu="perf", **ALL),
    "timer-all": dict(cpu="timer", **ALL),
}


class Workload:
    """What to run, and the options of the list above as text."""

    def __init__(self, name, command=None, **options):
        self.name, self.command, self.options, self.file = name, command, options, None
        if command is None:
            found = [*(HERE / "workloads").glob(name + ".*")]
            check(len(found) == 1, "workloads named", name, ":", found)
            self.file = found[0]
            head = "".join(self.file.open().readlines()[:40])
            self.options = dict(re.findall(r"^# ([a-z]+): (.+)$", head, re.M))

    def get(self, option, otherwise=""):
        return str(self.options.get(option, otherwise))

    def words(self, user):
        if self.file:
            return [user.file(self.file)]
        return [f"{work_directory(user)}/{w.name}" if isinstance(w, pathlib.Path)
                and w.parent == W else str(w) for w in self.command]

    def missing(self):
        return [p for p in self.get("needs").split() if not shutil.which(p)]

    def settings(self):
        """Of the long form: all.  Of the short one: those it names, or one."""
        named = self.get("short").split()
        if LONG:
            return list(SETTINGS)
        if named and named[0] == "no":
            return []
        return named or [list(SETTINGS)[zlib.crc32(self.name.encode()) % len(SETTINGS)]]


class Outcome:
    """All that one run left behind, masked."""

    def __init__(self):
        self.hung = self.status = None
        self.out = self.err = ""
        self.files, self.left, self.states = {}, [], collections.Counter()


def adopt():
    """What the workload's processes leave running becomes ours, to be seen."""
    PR_SET_CHILD_SUBREAPER = 36
    check(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0, "no subreaper")


def children():
    """(pid, name) of our living children; the dead ones are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return []
    found = []
    for task in pathlib.Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                found.append((int(pid), pathlib.Path(f"/proc/{pid}/comm").read_text().strip()))
            except OSError:
                pass
    return found


def left_behind():
    """Names of the processes that outlive the workload by five seconds; ends them."""
    end = time.monotonic() + 5
    while children() and time.monotonic() < end:
        time.sleep(0.01)
    names = sorted(name for _, name in children())
    while running := children():
        for pid, _ in running:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
    return names


def file_row(path, names):
    info = path.lstat()
    row = f"{stat.filemode(info.st_mode)} {info.st_uid}:{info.st_gid}"
    if path.is_symlink():
        return f"{row} -> {os.readlink(path)}"
    if not stat.S_ISREG(info.st_mode):
        return row
    content = path.read_bytes()
    if names and b"\0" not in content:
        content = mask(content.decode(errors="surrogateescape"),
                       names).encode(errors="surrogateescape")
    return f"{row} {len(content)} bytes {hashlib.sha256(content).hexdigest()}"


def states_in(text, names):
    """Each process's records, masked; the order of processes is left to chance."""
    records = ("\n" + text).split("\n== ")[1:]
    return collections.Counter(mask(r.rstrip("\n") + "\n", names) for r in records)


def work_directory(user):
    """The programs of tests/work/, where the user can run them."""
    if not user.prefix:
        return str(W)
    if not (user.home / "work").exists():
        shutil.copytree(W, user.home / "work", ignore=shutil.ignore_patterns("*.d"))
    return str(user.home / "work")


def prepare(place, user):
    """Makes place anew: run/, the only directory compared, and what is ours."""
    subprocess.run(["rm", "-rf", place], check=True)
    for name in ("run", "traces"):
        (place / name).mkdir(parents=True)
        if user.prefix:
            shutil.chown(place / name, "nobody", "nogroup")
    (place / "traces").chmod(0o1777)  # for processes that change their user
    (place / "state").touch()
    (place / "state").chmod(0o666)


def how_states(workload):
    how = workload.get("states", "all").split()
    check(how[0] in ("all", "set", "lines", "start") and (how == ["all"] or how[1:]), workload.name,
          "states:", how)
    return how[0]


def run_once(workload, user, lib, place, setting):
    """One run; lib None is bare.  All runs have the same place: no path differs."""
    prepare(place, user)
    libraries = [user.file(W / "p_state.so"), *workload.get("first").split(),
                 *([user.file(lib)] if lib else []), *workload.get("last").split()]
    env = {"LD_PRELOAD": ":".join(libraries), "ORACLE_STATE": place / "state"}
    if how_states(workload) == "start":
        env["ORACLE_STATE_START"] = "1"
    if lib:
        env.update(settings(out=place / "traces/%e-%p", **SETTINGS[setting]))
    base = dict(PATH=os.environ["PATH"], LC_ALL="C.UTF-8", TZ="UTC", HOME=str(place / "run"),
                TMPDIR=str(place / "run"), ORACLE_WORK=work_directory(user), ORACLE_SRC=str(SRC),
                **({"ORACLE_LONG": "1"} if LONG else {}))
    got = Outcome()
    with open(place / "out", "wb") as out, open(place / "err", "wb") as err:
        how = [*user.prefix, "env", "--default-signal", *(f"{k}={v}" for k, v in env.items())]
        proc = subprocess.Popen(how + workload.words(user), env=base, stdout=out, stderr=err,
                                stdin=subprocess.DEVNULL, cwd=place / "run",
                                start_new_session=True)
        try:
            got.status = proc.wait(int(workload.get("limit", 60)))
        except subprocess.TimeoutExpired:
            got.hung = "hung: " + " ".join(name for _, name in children())
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()
    got.left = left_behind()
    masks = workload.get("masks").split()
    got.out, got.err, states = ((place / name).read_bytes().decode(errors="surrogateescape")
                                for name in ("out", "err", "state"))
    got.out, got.err = mask(got.out, [*ALWAYS, *masks]), mask(got.err, [*ALWAYS, *masks])
    got.files = {str(p.relative_to(place / "run")): file_row(p, masks)
                 for p in sorted((place / "run").rglob("*"))}
    got.states = states_in(states, [*ALWAYS, *workload.get("hides").split()])
    return got


def two(bare, ours):
    """The lines that differ."""
    rows = list(difflib.unified_diff(bare.splitlines(), ours.splitlines(), "bare", "with libprof",
                                     lineterm="", n=1))
    return "\n".join(row[:300] for row in rows[:40])


def state_rows(only_bare, only_ours):
    """Records that the other run lacks, each beside the one most like it."""
    text, rest = [], sorted(only_ours.elements())
    for record in sorted(only_bare.elements()):
        lines = set(record.split("\n"))
        near = max(rest, key=lambda r: len(lines & set(r.split("\n"))), default=None)
        if near:
            rest.remove(near)
            text.append(record.split("\n")[0] + "\n" + two(record, near))
        else:
            text.append("only bare: " + record[:300])
    return "\n".join(text[:4] + ["only with libprof: " + record[:300] for record in rest[:4]])


def states(workload, outcome, setting):
    how = how_states(workload)
    names = ["sigprof"] if setting.startswith("timer") else []
    found = collections.Counter()
    for record, n in outcome.states.items():
        record = mask(record, names)
        if how == "lines":
            head, *lines = record.rstrip("\n").split("\n")
            found.update({f"{head}\n{line}": 1 for line in lines})
        else:
            found[record] += n
    return found if how in ("all", "start") else collections.Counter(set(found))


def differences(workload, bare, ours, setting):
    """(kind, text) of all that two outcomes do not have in common."""
    if ours.hung or bare.hung:
        yield "hang", f"{ours.hung}; bare: {bare.hung}"
    if ours.out != bare.out:
        yield "stdout", two(bare.out, ours.out)
    if ours.err != bare.err:
        yield "stderr", two(bare.err, ours.err)
    if ours.status != bare.status:
        yield "status", f"{ours.status}, bare {bare.status}"
    if ours.files != bare.files:
        rows = ["\n".join(f"{k}: {v}" for k, v in o.files.items()) for o in (bare, ours)]
        yield "files", two(*rows)
    if ours.left != bare.left:
        yield "left", f"processes {ours.left}, bare {bare.left}"
    a, b = states(workload, bare, setting), states(workload, ours, setting)
    if a != b:
        yield "state", state_rows(a - b, b - a)


def run_bare(workload, user, place):
    """A bare run that hangs tells nothing of the library: up to two more."""
    for _ in range(3):
        bare = run_once(workload, user, None, place, None)
        if not bare.hung:
            break
        note(workload.name, user.name, "hangs by itself:", bare.hung, bare.out[-500:])
    return bare


def compare_once(workload, setting, user, lib, bare):
    """(outcome, differences) of one run with lib."""
    place = user.home / "oracle" / workload.name
    ours = run_once(workload, user, lib, place, setting)
    return ours, [*differences(workload, bare, ours, setting),
                  *trace_faults(workload, SETTINGS[setting], place / "traces")]


def is_state_alone(found):
    return {kind for kind, _ in found} == {"state"}


def also_bare(workload, setting, user, ours, found):
    """What is left of a difference in state when the program, bare, is found in that state,
    too, in one of three more runs: on a busy machine a program may be late to close or to
    block something.  The library's run is the one it was: what only that shows stays."""
    for _ in range(3):
        bare = run_bare(workload, user, user.home / "oracle" / workload.name)
        if not list(differences(workload, bare, ours, setting)):
            note(workload.name, user.name, "was found so without the library, too:", *found)
            return []
    return found


def compare(workload, setting, user, lib=LIB, bare=None):
    """All differences [(kind, text)] that one run with lib makes.  Where the workload says
    that its states are left to chance (set, lines), they must differ in four pairs of
    runs; else the library has one run."""
    place = user.home / "oracle" / workload.name
    bare = bare or run_bare(workload, user, place)
    ours, found = compare_once(workload, setting, user, lib, bare)
    if how_states(workload) in ("set", "lines"):
        for _ in range(3):
            if not is_state_alone(found):
                break
            bare = run_bare(workload, user, place)
            ours, found = compare_once(workload, setting, user, lib, bare)
    elif is_state_alone(found):
        found = also_bare(workload, setting, user, ours, found)
    wanted = int(workload.get("status", "0"))
    if bare.status != wanted:
        found.append(("status", f"bare: {bare.status}, not {wanted}: {bare.err[-1500:]}"))
    if found:  # is it the workload that differs from itself?
        again = run_once(workload, user, None, place, None)
        own = [kind for kind, _ in differences(workload, bare, again, setting)]
        found += [("itself", f"two bare runs differ in {own}")] if own else []
    subprocess.run(["rm", "-rf", place], check=True)
    return found


def plan(workload):
    """(user, setting) of each run: all settings, and one as an ordinary user."""
    nobody = ROOT and workload.get("user").startswith("nobody")
    runs = [(User("nobody" if nobody else "self"), s) for s in workload.settings()]
    if nobody:
        return runs
    if LONG and ROOT and not workload.get("user").startswith("root"):
        chosen = list(SETTINGS)[zlib.crc32(workload.name.encode()) % len(SETTINGS)]
        runs.append((User("nobody"), chosen))
    return runs


def conform_one(workload):
    """Runs a workload as planned; what the runs that differ differ in."""
    bad, bares, runs = [], {}, plan(workload)
    for user, setting in runs:
        began = time.monotonic()
        if user.name not in bares:
            place = user.home / "oracle" / workload.name
            bares[user.name] = run_bare(workload, user, place)
        found = compare(workload, setting, user, bare=bares[user.name])
        run = f"{workload.name} {setting} {user.name}"
        note(f"{run}: {time.monotonic() - began:.1f} s", "differs" if found else "same")
        if found:
            bad.append("\n  ".join([run, *(f"{kind}: " + text.replace("\n", "\n    ")
                                         for kind, text in found)]))
    if runs and not bad:
        names = ", ".join(sorted({s for _, s in runs}))
        as_nobody = [bool(u.prefix) for u, _ in runs]
        nobody = (", all as nobody" if all(as_nobody) else
                  ", one as nobody" if any(as_nobody) else "")
        measured("oracle", workload.name, f"{len(runs)} runs: {names}{nobody}", "0 differences")
    return bad


def conform(*workloads):
    """What a test calls: every workload (a name, or a Workload) under its settings."""
    adopt()
    bad, missing = [], []
    for w in (w if isinstance(w, Workload) else Workload(w) for w in workloads):
        if w.missing():
            missing.append(f"{w.name} needs {' '.join(w.missing())}")
        else:
            bad += conform_one(w)
    check(not bad, *bad, f"\n{len(bad)} runs differ from bare")
    check(not (LONG and missing), "the long form needs all its programs:", "; ".join(missing))
    if missing:
        skip("; ".join(missing))
