#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Nth call of the library's own fails, and the Nth and all that follow, for
every kind of call it makes and N from 1 until none fails any more (short form: a
few N of each).  The program's own calls are left alone.

limit: 400
long: 7200
"""
import collections
import errno
import itertools

from faults import *

ALL = 10**9
PLUGIN = W / "p_alpha.so"
CHILD_CALLS = 300  # those in fault_blocks by the child of w_fault

# What each call may answer; 0 is an answer of nothing at all (a short read or write).
CALLS = {
    "mmap": "ENOMEM", "munmap": "ENOMEM", "mprotect": "ENOMEM", "madvise": "EINVAL",
    "openat": "EMFILE EACCES ENFILE", "close": "EIO", "read": "EIO 0", "pread64": "EIO",
    "pwrite64": "ENOSPC EIO EINTR 0", "write": "EAGAIN", "fallocate": "EOPNOTSUPP ENOSPC",
    "ftruncate": "EIO", "renameat": "EROFS", "mkdirat": "ENOSPC EACCES", "unlinkat": "EBUSY",
    "getdents64": "EIO", "fstat": "EIO", "newfstatat": "EACCES", "readlinkat": "EACCES",
    "getcwd": "ENOENT", "uname": "EFAULT", "getrandom": "ENOSYS",
    "clock_gettime": "EPERM EINVAL", "getrusage": "EINVAL", "sched_getaffinity": "EPERM",
    "eventfd2": "EMFILE", "ppoll": "EINVAL ENOMEM", "ioctl": "ENOTTY",
    "perf_event_open": "EMFILE EINTR", "clone3": "EAGAIN ENOSYS", "clone": "EAGAIN",
    "prctl": "EINVAL", "unshare": "EPERM", "close_range": "ENOSYS EPERM", "umask": "EPERM",
    "process_vm_readv": "EPERM EFAULT ENOSYS", "mincore": "ENOMEM", "prlimit64": "EPERM",
    "wait4": "ECHILD",
}
TIMER_CALLS = {
    "timer_create": "EAGAIN", "timer_settime": "EINVAL", "timer_delete": "EINVAL",
    "rt_sigaction": "EINVAL", "getdents64": "EIO", "openat": "EMFILE", "mmap": "ENOMEM",
}
# What the library does not call in this setting: no limit is reached, nothing is deleted.
NOT_MADE = {("auto", "unlinkat")}
# A close that leaves its file open, in a thread that sets itself apart, and the like: calls
# whose failure says nothing about another.  With several refused at once:
TOGETHER = ("close_range,unshare EPERM", "close_range,unshare,process_vm_readv ENOSYS",
            "fallocate,ftruncate,renameat EIO", "openat,mkdirat EROFS")

EXPECT = run([W / "w_fault", PLUGIN, "fork"])
check(EXPECT.status == 7, "w_fault bare:", EXPECT.status, EXPECT.err)


def attempt(user, engine, calls, error, first, count):
    """One run; (calls that failed, trace directories, what was said)."""
    for old in user.home.glob("n*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    what = f"{user.name} {engine} {calls} {error} from {first} x{min(count, 99)}:"
    number = getattr(errno, error) if error != "0" else 0
    setting = preload(user, out="n", cpu=engine, heap_bytes=1, flush_ms=10, cpu_hz=999,
                      segment_bytes="64K")
    ran = run([user.file(W / "w_fault_nth"), "n-report", calls, number, first, count,
               *(f"{k}={v}" for k, v in setting.items()),
               user.file(W / "w_fault"), user.file(PLUGIN), "fork"], user, timeout=100)
    *sites, last = (user.home / "n-report").read_text().splitlines()
    ours, failed = int(last.split()[1]), int(last.split()[3])
    check((ran.status, ran.out) == (EXPECT.status, EXPECT.out), what, "changed the program:",
          ran.status, ran.out, ran.err, *sites)
    said = one_line(ran.err, what).splitlines()
    found = [t for t in (user.home / "n", user.home / "n.2") if t.exists()]
    for trace in found:
        check(segments(trace), what, "left an empty directory", trace)
        check_good(trace, what)
    if not (user.home / "n").exists():
        check(said and ("nothing can be recorded" in said[0] or "could not be written" in
                        said[0]), what, "no trace and no reason", said)
    return what, ours, failed, found, said


def account_of(what, trace):
    child = trace.name == "n.2"
    return account(Profile(trace), what, CHILD_CALLS if child else EXPECT.rows("calls")[0][0])


def outcomes(user, engine, calls, error, numbers, count):
    """Runs with each N of numbers until nothing fails any more."""
    tally, highest = collections.Counter(), 0
    for n in numbers:
        what, ours, failed, found, said = attempt(user, engine, calls, error, n, count)
        # A thread whose CPU clock cannot be read has no totals in the trace; one whose
        # memory is gone (EFAULT) keeps those that were read last.
        counted = calls != "clock_gettime" and error != "EFAULT"
        for trace in found if (LONG or n == 1) and counted else []:
            account_of(what, trace)
        if not failed:
            break
        highest = n
        main = user.home / "n" in found
        tally["no trace, reason on stderr" if not main else "traces valid"] += 1
    return highest, tally


def all_of(user, engine, table):
    for call, errors in table.items():
        for error in errors.split():
            total, most = collections.Counter(), 0
            for count in (1, ALL) if error != "EINTR" else (1,):  # one that never ends is none
                numbers = itertools.count(1) if LONG else (1, 4, 14) if count == 1 else (2,)
                highest, tally = outcomes(user, engine, call, error, numbers, count)
                total += tally
                most = max(most, highest)
            check((most == 0) == ((engine, call) in NOT_MADE), user.name, engine, call, error,
                  "failed up to N =", most, "- is the library's call another one now?")
            if most:
                measured("faults", f"the library's {call} fails with {error}, {engine} engine, "
                         f"as {user.name}", f"N = 1..{most}, the Nth alone and all from the Nth",
                         f"{sum(total.values())} runs unchanged; "
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
            ("timer_create", "EAGAIN", 1, 1, "timer", "timer_create(2) is refused"),
            ("timer_create", "EAGAIN", 2, 1, "timer", "could have no timer")):
        what, _, failed, found, _ = attempt(user, engine, call, error, first, count)
        check(failed and found, what, "nothing failed, or no trace")
        p = account_of(what, found[0])
        said = [e["text"] for e in p.events]
        check(any(words_wanted in text for text in said), what, "reasons:", said)
    for call, error, first, words_wanted in (
            ("mmap", "ENOMEM", 2, "no memory"), ("clone3", "EAGAIN", 1, "no thread"),
            ("pwrite64", "ENOSPC", 1, "No space left on device"),
            ("mkdirat", "EACCES", 1, "Permission denied")):
        what, _, failed, found, said = attempt(user, "auto", call, error, first, ALL)
        check(failed and not found and words_wanted in said[0], what, "said", said)
    # A write that fails once costs what was in it, not what follows.
    what, _, failed, found, _ = attempt(user, "auto", "pwrite64", "ENOSPC", 2, 1)
    p = account_of(what, found[0])
    check(failed == 1 and p.losses["write_failed"] > 0, what, p.losses)
    check(len(segments(found[0])) == 2, what, "did not go on:", *segments(found[0]))


reasons()
for user in users():
    all_of(user, "auto", CALLS)
    all_of(user, "timer", TIMER_CALLS)
    for together in TOGETHER:
        calls, error = together.split()
        outcomes(user, "auto", calls, error, (1, 3), ALL)
    if not LONG:
        break  # the ordinary user: in the long form
mostly_exact(0.5)
