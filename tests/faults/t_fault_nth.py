#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Nth call of the library's own fails, and the Nth and all that follow, for
every kind of call it makes and growing N until none fails any more: 1, 2, 3, 5, 8 and so
on, and as root, where one call fails, each N up to 13 (short form: a few N of each).  The
program's own calls are left alone.  In each run: the program is unchanged; a trace is
valid, and names why an engine is not the one of a run without failures, why nothing was
sampled, or why recording ended; where there is no trace, or part of it is missing, the one
line on stderr names the error.

Not made to fail: what the kernel cannot refuse (sched_yield, rt_sigpending, the end of a
thread), nanosleep, which is a pause before something is looked at again, what the
library does in the program's stead (a change of user by the program's only thread), and what
hands on a SIGPROF of the program's (rt_sigqueueinfo, kill), which is lost when it is refused.

limit: 400
long: 7200
"""
import collections
import errno
import itertools

from faults import *

ALL = 10**9
PLUGIN = W / "p_alpha.so"
CHILD_CALLS = {"w_fault": 300, "w_fault_calls": 900}  # those in fault_blocks by its child
OTHER_UID = 65534 if ROOT else os.geteuid()

# What each call may answer; 0 is an answer of nothing at all (a short read or write).
CALLS = {
    "mmap": "ENOMEM", "munmap": "ENOMEM", "mprotect": "ENOMEM", "madvise": "EINVAL",
    "openat": "EMFILE EACCES ENFILE", "close": "EIO", "read": "EIO 0", "pread64": "EIO",
    "pwrite64": "ENOSPC EIO EINTR 0", "write": "EAGAIN", "fallocate": "EOPNOTSUPP ENOSPC",
    "ftruncate": "EIO", "renameat": "EROFS", "mkdirat": "ENOSPC EACCES", "unlinkat": "EBUSY",
    "getdents64": "EIO", "fstat": "EIO", "newfstatat": "EACCES", "readlinkat": "EACCES",
    "fchmod": "EPERM", "chdir": "EACCES", "getcwd": "ENOENT", "uname": "EFAULT",
    "getrandom": "ENOSYS", "geteuid": "EPERM", "clock_gettime": "EPERM EINVAL",
    "getrusage": "EINVAL", "sched_getaffinity": "EPERM", "eventfd2": "EMFILE",
    "ppoll": "EINVAL ENOMEM", "futex": "EAGAIN EINTR", "ioctl": "ENOTTY",
    "perf_event_open": "EMFILE EINTR", "clone3": "EAGAIN ENOSYS", "clone": "EAGAIN",
    "prctl": "EINVAL", "unshare": "EPERM", "close_range": "ENOSYS EPERM", "umask": "EPERM",
    "process_vm_readv": "EPERM EFAULT ENOSYS", "mincore": "ENOMEM", "prlimit64": "EPERM",
    "wait4": "ECHILD", "rt_sigprocmask": "EINVAL",
}
TIMER_CALLS = {
    "timer_create": "EAGAIN", "timer_settime": "EINVAL", "timer_delete": "EINVAL",
    "rt_sigaction": "EINVAL", "getdents64": "EIO", "openat": "EMFILE", "mmap": "ENOMEM",
    "getcpu": "EFAULT", "rt_sigprocmask": "EINVAL",
}
# While it follows a program of one thread into other rights, namespaces and programs.
FOLLOWING = {
    "capget": "EPERM", "capset": "EPERM", "setresuid": "EAGAIN", "setresgid": "EPERM",
    "setgroups": "EPERM", "prctl": "EINVAL", "tgkill": "EPERM", "fstatfs": "EIO",
    "ioctl": "ENOTTY", "newfstatat": "EACCES", "clone3": "EAGAIN", "perf_event_open": "EMFILE",
    "openat": "EMFILE", "eventfd2": "EMFILE", "futex": "EAGAIN", "mmap": "ENOMEM",
    "unshare": "EPERM", "close_range": "EPERM",
}
TIMER_FOLLOWING = {"rt_sigtimedwait": "EAGAIN", "rt_sigprocmask": "EINVAL",
                   "timer_settime": "EINVAL", "clone3": "EAGAIN"}
TABLES = (("w_fault", "auto", CALLS), ("w_fault", "timer", TIMER_CALLS),
          ("w_fault_calls", "auto", FOLLOWING), ("w_fault_calls", "timer", TIMER_FOLLOWING))
# What the library does not call in this setting: no limit is reached, nothing is deleted,
# rights that are not there are not dropped.
NOT_MADE = {("self", "unlinkat"), ("nobody", "unlinkat"), ("nobody", "setgroups")}
# Which filter would answer twice in different ways?  Of the mask of signals: all or none.  Then
# no line can be written either: SIGPIPE, from a stderr that is gone, could not be held.
CONSISTENT = {"rt_sigprocmask"}
# A close that leaves its file open, in a thread that sets itself apart, and the like: calls
# whose failure says nothing about another.  With several refused at once:
TOGETHER = ("close_range,unshare EPERM", "close_range,unshare,process_vm_readv ENOSYS",
            "fallocate,ftruncate,renameat EIO", "openat,mkdirat EROFS")

# What a failure may cost beside engines, each counted in the trace.
UNREAD = ("no_stack",)
UNWRITTEN = ("write_failed",)
TABLES_FULL = ("no_stack", "stack_table_full", "live_table_full", "thread_table_full",
               "unknown_thread")
MAY_LOSE = {
    "mmap": TABLES_FULL + UNWRITTEN, "mprotect": UNREAD, "process_vm_readv": UNREAD,
    "openat": UNREAD + UNWRITTEN, "read": UNREAD, "pread64": UNREAD, "pwrite64": UNWRITTEN,
    "renameat": UNWRITTEN, "mkdirat": UNWRITTEN, "fstat": UNWRITTEN, "getcwd": UNWRITTEN,
    "newfstatat": UNWRITTEN, "geteuid": UNWRITTEN,
}
# What is said instead: libc's pthread_create of memory for a stack, the library of a write
# of nothing; the errno of an engine that was not tried, since no child could try it first.
SAID_AS = {"ENOMEM": ("EAGAIN",), "0": ("EIO",)}
UNTRIED = {"clone", "wait4"}
bare, unfailed = {}, {}


def program_of(user, name):
    return {"w_fault": [user.file(W / "w_fault"), user.file(PLUGIN), "fork"],
            "w_fault_calls": [user.file(W / "w_fault_calls"),
                              *([OTHER_UID] if user.name == "self" else [])]}[name]


def expected(user, name):
    """The program without us."""
    if (user.name, name) not in bare:
        bare[user.name, name] = run(program_of(user, name), user)
        check(bare[user.name, name].status == 7, name, "bare:", bare[user.name, name].out)
    return bare[user.name, name]


def names_of(error):
    return (error,) * (error != "0") + SAID_AS.get(error, ())


class Attempt:
    """One run; what failed, and what is left of it: looked at by judge()."""

    def __init__(self, user, engine, calls, error, first, count, program="w_fault", before=()):
        self.user, self.engine, self.calls, self.error = user, engine, calls, error
        self.program = program
        for old in user.home.glob("n*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        self.what = (f"{user.name} {program} {engine} {calls} {error} from {first} "
                     f"x{min(count, 99)}:")
        number = getattr(errno, error) if error != "0" else 0
        setting = preload(user, out="n", cpu=engine, heap_bytes=1, flush_ms=10, cpu_hz=999,
                          segment_bytes="64K")
        ran = run([*before, user.file(W / "w_fault_nth"), "n-report", calls, number, first, count,
                   *(f"{k}={v}" for k, v in setting.items()), *program_of(user, program)],
                  user, timeout=100)
        *sites, last = (user.home / "n-report").read_text().splitlines()
        self.failed = int(last.split()[3])
        bare = expected(user, program)
        check((ran.status, ran.out) == (bare.status, bare.out), self.what, "changed the program:",
              ran.status, ran.out, ran.err, *sites)
        self.said = one_line(ran.err, self.what)
        self.main, self.child = (self.profile(user.home / name) for name in ("n", "n.2"))

    def profile(self, trace):
        if not trace.exists():
            return None
        check(segments(trace), self.what, "left an empty directory", trace)
        check_good(trace, self.what)
        return Profile(trace)

    def traces(self):
        return [p for p in (self.main, self.child) if p]

    def judge(self):
        """Every difference from a run in which nothing fails has its reason."""
        self.judge_line()
        if (self.user.name, self.engine, self.program) not in unfailed:
            unfailed[self.user.name, self.engine, self.program] = None
            first = Attempt(self.user, self.engine, "getcwd", "ENOENT", ALL, 1, self.program)
            check(first.main and first.child, first.what, "no trace although nothing failed")
            unfailed[self.user.name, self.engine, self.program] = first.main.cpu_engine
            first.judge()
        base = unfailed[self.user.name, self.engine, self.program]
        errors = [errno.ENOSYS if call in UNTRIED else getattr(errno, name)
                  for call in self.calls.split(",") for name in names_of(self.error)]
        may_lose = [name for call in self.calls.split(",") for name in MAY_LOSE.get(call, ())]
        for p in self.traces():
            check_reasons(p, self.what, base, may_lose, errors)
            self.judge_account(p)
        # Of 10 ms perf takes a sample each; a tick of the timer's may meet none of its threads.
        if base == "perf" and self.main:
            check(self.main.count(is_sampled) or self.said or lost_names(self.main) - BY_LOAD
                  or any(e["text"] for e in self.main.events), self.what,
                  "nothing was sampled, for no reason", self.main.events, self.main.losses)

    def judge_line(self):
        """The line on stderr: where there is no trace of main, or not all of it."""
        names = [os.strerror(getattr(errno, name)) for name in names_of(self.error)]
        if self.calls in CONSISTENT:
            check(not self.said, self.what, "says", self.said)
            return
        lacks = not self.main or self.main.losses["write_failed"]
        check(not lacks or any(self.said.endswith(f": {name}\n") for name in names), self.what,
              "the error is not named:", self.said)
        about = ("could not be written" if self.main else "nothing can be recorded",
                 "could not be written")
        check(not lacks or any(text in self.said for text in about), self.what, "says", self.said)

    def judge_account(self, p):
        # A thread whose CPU clock cannot be read has no totals in the trace; one whose
        # memory is gone (EFAULT) keeps those that were read last.
        if self.calls == "clock_gettime" or self.error == "EFAULT":
            return
        made = CHILD_CALLS[self.program]
        if p is self.main:
            made = expected(self.user, self.program).rows("calls")[0][0]
        ended = any("recording ended" in e["text"] for e in p.events if e["text"])
        account(p, self.what, None if ended else made)
        check(p.site("fault_blocks")["alloc_n"] <= made, self.what, "more than was made")


def outcomes(numbers, count, *what, **more):
    """Runs with each N of numbers until nothing fails any more: the highest that failed, and
    how often there was what."""
    tally, highest = collections.Counter(), 0
    for n in numbers:
        attempt = Attempt(*what, n, count, **more)
        attempt.judge()
        if not attempt.failed:
            break
        highest = n
        tally["traces valid" if attempt.main else "no trace, reason on stderr"] += 1
        if attempt.main and not attempt.child:
            tally["without one of the child"] += 1
    return highest, tally


def growing(n=1, following=2):
    """1, 2, 3, 5, 8 ..."""
    while True:
        yield n
        n, following = following, n + following


def numbers_of(user, call, count):
    if call in CONSISTENT:
        return (1,)
    if LONG:
        each = itertools.chain(range(1, 13), growing(13, 21))
        return each if count == 1 and not user.prefix else growing()
    return (1, 4, 14) if count == 1 else (1, 2)


def all_of(user, engine, table, program):
    for call, errors in table.items():
        for error in errors.split():
            total, most = collections.Counter(), 0
            for count in (1, ALL):
                # one that never ends is no interruption
                if error == "EINTR" and count == ALL or call in CONSISTENT and count == 1:
                    continue
                highest, tally = outcomes(numbers_of(user, call, count), count, user, engine, call,
                                          error, program=program)
                total += tally
                most = max(most, highest)
            check((most == 0) == ((user.name, call) in NOT_MADE), user.name, program, engine, call,
                  error, "failed up to N =", most, "- is the library's call another one now?")
            if most:
                runs = total["traces valid"] + total["no trace, reason on stderr"]
                measured("faults", f"the library's {call} fails with {error}, {engine} engine, "
                         f"{program} as {user.name}",
                         f"N up to {most}, the Nth alone and all from the Nth",
                         f"{runs} runs unchanged; "
                         + ", ".join(f"{n} {k}" for k, n in sorted(total.items())))


def reasons():
    """What the trace, or the line on stderr, says for some of them."""
    user = users()[0]
    for call, error, first, count, engine, words_wanted in (
            ("perf_event_open", "EMFILE", 1, ALL, "auto", "too many open files"),
            ("sched_getaffinity", "EPERM", 1, ALL, "auto", "sched_getaffinity"),
            ("eventfd2", "EMFILE", 1, 1, "auto", "no eventfd(2) or thread"),
            ("clone3", "EAGAIN", 2, 1, "auto", "no eventfd(2) or thread"),
            ("close_range,unshare", "EPERM", 1, ALL, "auto", "no descriptor table of its own"),
            ("mprotect", "ENOMEM", 6, ALL, "auto", "libunwind could not be loaded"),
            ("clone", "EAGAIN", 1, ALL, "auto", "no child could try it"),
            ("wait4", "ECHILD", 1, ALL, "auto", "no child could try it"),
            ("timer_create", "EAGAIN", 1, 1, "timer", "timer_create(2) is refused"),
            ("timer_create", "EAGAIN", 2, 1, "timer", "could have no timer")):
        attempt = Attempt(user, engine, call, error, first, count)
        check(attempt.failed and attempt.main, attempt.what, "nothing failed, or no trace")
        attempt.judge()
        said = [e["text"] for e in attempt.main.events]
        check(any(words_wanted in text for text in said), attempt.what, "reasons:", said)
    for call, error, first, words_wanted in (
            ("mmap", "ENOMEM", 2, "no memory"), ("clone3", "EAGAIN", 1, "no thread"),
            ("pwrite64", "ENOSPC", 1, "No space left on device"),
            ("mkdirat", "EACCES", 1, "Permission denied")):
        attempt = Attempt(user, "auto", call, error, first, ALL)
        attempt.judge()
        check(attempt.failed and not attempt.traces() and words_wanted in attempt.said,
              attempt.what, "said", attempt.said)
    # A write that fails once costs what was in it, not what follows.
    attempt = Attempt(user, "auto", "pwrite64", "ENOSPC", 2, 1)
    attempt.judge()
    check(attempt.failed == 1 and lost_names(attempt.main) >= {"write_failed"}, attempt.what)
    check(len(segments(user.home / "n")) == 2, attempt.what, "did not go on")


def rights_not_followed():
    """A writer that may not give up what the program did ends, and the trace says so."""
    if not ROOT:
        return
    for call, error in (("capset", "EPERM"), ("setresuid", "EAGAIN")):
        attempt = Attempt(users()[0], "auto", call, error, 1, ALL, "w_fault_calls")
        attempt.judge()
        check(any("recording ended" in e["text"] for e in attempt.main.events), attempt.what,
              "why is there no more?", attempt.main.events)


def unreadable_directory():
    """Where root directory and umask are the program's, a mode is to be corrected."""
    mask = ["sh", "-c", "umask 777; exec \"$@\"", "sh"]
    for user in users():
        attempt = Attempt(user, "auto", "close_range,unshare,fchmodat", "EPERM", 1, ALL,
                          before=mask)
        said = "Permission denied" if user.prefix else ""
        check(bool(attempt.main) == (not said) and said in attempt.said, attempt.what, "said",
              attempt.said)


reasons()
rights_not_followed()
unreadable_directory()
for user in users():
    for program, engine, table in TABLES:
        all_of(user, engine, table, program)
    for together in TOGETHER:
        calls, error = together.split()
        outcomes((1, 3), ALL, user, "auto", calls, error)
    if not LONG:
        break  # the ordinary user: in the long form
mostly_exact(0.9)
