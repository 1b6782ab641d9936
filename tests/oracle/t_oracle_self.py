#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The oracle itself can fail: libraries made on the spot, each of which changes a
program in one way, and what the oracle must say of each, where the number of
processes is left to chance, too; one that does it in its first run only; a library
that does nothing, which leaves no trace; traces that are damaged, by another engine,
or without allocations; and a workload that differs from itself.

limit: 120
long: 120
"""
from oracle import *

# One program that shows what it is asked: a process that has no children.
TRUTH = r"""
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
	FILE *f = fopen("written", "w");
	errno = 0;
	void *volatile p = malloc(100);
	printf("errno %d\n", errno);
	fprintf(stderr, "said\n");
	fputs("content\n", f);
	fclose(f);
	free(p);
	fflush(stdout);
	return 3;
}
"""
BAD = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
static void ignore(int sig) { (void)sig; }
#ifdef ERRNO
void *malloc(size_t n) {
	static void *(*next)(size_t);
	if (!next) next = dlsym(RTLD_NEXT, "malloc");
	errno = EAGAIN;
	return next(n);
}
#endif
__attribute__((constructor)) static void at_start(void) { ignore(0); START; }
__attribute__((destructor)) static void at_end(void) { END; }
"""
LIMIT = "struct rlimit l = {0, 0}; setrlimit(RLIMIT_CORE, &l)"
TIMER = "struct itimerval t = {{0, 0}, {1000, 0}}; setitimer(ITIMER_REAL, &t, 0)"
MASK = "sigset_t s; sigemptyset(&s); sigaddset(&s, SIGWINCH); sigprocmask(SIG_BLOCK, &s, 0)"
STACK = "static char a[65536]; stack_t s = {a, 0, sizeof(a)}; sigaltstack(&s, 0)"
# What the library does, when, and the kinds of difference that the oracle must
# report: these and no other.
FAULTS = (
    ("errno", "ERRNO", "", "", "stdout"),
    ("a byte on stdout", "", "(void)!write(1, \"x\", 1)", "", "stdout"),
    ("a byte on stderr", "", "(void)!write(2, \"x\", 1)", "", "stderr"),
    ("a file", "", "close(open(\"extra\", O_CREAT | O_WRONLY, 0600))", "", "files"),
    ("content", "", "", "int f = open(\"written\", O_WRONLY); (void)!write(f, \"C\", 1); close(f)",
     "files"),
    ("a mode", "", "", "chmod(\"written\", 0600)", "files"),
    ("a file gone", "", "", "unlink(\"written\")", "files"),
    ("a status", "", "", "_exit(9)", "status"),
    ("a death", "", "", "raise(SIGKILL)", "status"),
    ("a hang", "", "", "for (;;) pause()", "hang status"),
    ("a process left", "", "if (!fork()) { sleep(60); _exit(0); }", "", "left"),
    ("a descriptor", "", "open(\"/dev/null\", O_RDONLY)", "", "state"),
    ("close on exec", "", "fcntl(0, F_SETFD, FD_CLOEXEC)", "", "state"),
    ("a nonblocking descriptor", "", "fcntl(0, F_SETFL, O_NONBLOCK)", "", "state"),
    ("a handler", "", "signal(SIGUSR2, ignore)", "", "state"),
    ("an ignored signal", "", "signal(SIGPIPE, SIG_IGN)", "", "state"),
    ("a blocked signal", "", MASK, "", "state"),
    ("a pending signal", "", MASK + "; raise(SIGWINCH)", "", "state"),
    ("a signal stack", "", STACK, "", "state"),
    ("a timer", "", TIMER, "", "state"),
    ("a limit", "", LIMIT, "", "state"),
    ("the umask", "", "umask(0)", "", "files state"),
    ("the directory", "", "(void)!chdir(\"..\")", "", "files state"),
    ("the name", "", "prctl(PR_SET_NAME, \"other\")", "", "state"),
    ("dumpable", "", "prctl(PR_SET_DUMPABLE, 0)", "", "state"),
    ("the environment", "", "putenv(\"NEW=1\")", "", "state"),
    ("nice", "", "(void)!nice(3)", "", "state"),
)


def build(name, text, *flags):
    source = HOME / (name + ".c")
    source.write_text(text)
    subprocess.run(["gcc", "-w", "-O1", "-o", HOME / name, source, *flags], check=True)
    return HOME / name


def kinds(workload, lib=LIB, setting="perf"):
    found = compare(workload, setting, me, lib=lib)
    note(found)
    return {kind for kind, _ in found}


me = User("self")
adopt()
truth = build("truth", TRUTH)
workload = Workload("truth", [truth], status=3)
for number, (what, define, start, end, wanted) in enumerate(FAULTS):
    lib = build(f"bad{number}.so", BAD.replace("START", start).replace("END", end), "-shared",
                "-fPIC", f"-D{define or 'NONE'}")
    workload.options["limit"] = 5 if "hang" in wanted else 60
    got = kinds(workload, lib)
    check(got == set(wanted.split()), what, "was reported as", got, "wanted", wanted)

# The same where the number of processes is left to chance, or a part is not compared.
chance = ["/bin/sh", "-c", 'for i in $(seq $(($$ % 2 + 1))); do "$0" 2>/dev/null; done >/dev/null',
          truth]
libs = {fault[0]: HOME / f"bad{number}.so" for number, fault in enumerate(FAULTS)}
nothing = build("nothing.so", "", "-shared")
for how in ("set", "lines"):
    loose = Workload("chance", chance, status=3, states=how + " the number is", hides="stdin")
    for what in ("a descriptor", "a handler", "a limit", "the environment"):
        check(kinds(loose, libs[what]) == {"state"}, what, "passed for states:", how)
    for lib in (nothing, libs["close on exec"]):  # of descriptor 0
        check(kinds(loose, lib) == set(), lib, "is not tolerated by states:", how)
starts = Workload("truth", [truth], status=3, states="start of ends nothing is asked")
check(kinds(starts, libs["a handler"]) == {"state"}, "a handler passed for states: start")

# A descriptor above all that the program has, where its limit allows it.
FAR = 'int f = open("/dev/null", O_RDONLY); fcntl(f, F_DUPFD, 5000); close(f)'
far = build("far.so", BAD.replace("START", FAR).replace("END", ""), "-shared", "-fPIC")
high = Workload("high", ["prlimit", "--nofile=8192:8192", "--", truth], status=3)
check(kinds(high, far) == {"state"}, "a descriptor above 5000 passed")

# What the library does once is not forgiven, but where states are left to chance; what
# the program does by itself now and then is.
ONCE = (f'if (!close(open("{HOME}/once", O_CREAT | O_EXCL | O_WRONLY, 0600)))'
        ' open("/dev/null", O_RDONLY)')
once = build("once.so", BAD.replace("START", ONCE).replace("END", ""), "-shared", "-fPIC")
for how, wanted in (("all", {"state"}), ("start of all", {"state"}), ("set of all", set())):
    (HOME / "once").unlink(missing_ok=True)
    check(kinds(Workload("truth", [truth], status=3, states=how), once) == wanted,
          "a descriptor in the first run alone: states:", how)
TURNS = 'echo >>"$1"; [ $(($(wc -l <"$1") % 2)) = 1 ] || ulimit -S -t 9999; exec "$0"'
turns = Workload("turns", ["/bin/sh", "-c", TURNS, truth, HOME / "turns"], status=3)
check(kinds(turns) == set(), "a program's own limit was held against the library")
runs = len((HOME / "turns").read_text())
check(runs == 4, "bare, with the library, bare and bare again:", runs)

# Writes into its child's finished trace; bare it has none and writes nowhere.
damage = '''"$0"; for f in "${LIBPROF_OUT%%/*}"/truth-*/segment-*; do test -e "$f" || f=/dev/null
	%s; done; exit 0'''
DAMAGES = (
    ("a byte", 'printf XXXX | dd of="$f" bs=1 seek=600 conv=notrunc status=none', {"check"}),
    ("the last byte", 'truncate -cs -1 "$f" 2>/dev/null', {"check"}),
)
for what, how, wanted in DAMAGES:
    got = kinds(Workload("damage", ["/bin/sh", "-c", damage % how, truth], programs="truth",
                         states="start what writes to a trace has it open"))
    check(got == wanted, what, "was reported as", got)
EMPTY = (
    ("its own malloc", [W / "w_own_malloc"], dict(programs="w_own_malloc"), {"records"}),
    ("its own malloc, as is said", [W / "w_own_malloc"],
     dict(programs="w_own_malloc", records="cpu its malloc is its own"), set()),
    ("no allocations", ["env", "LIBPROF_HEAP=off", truth], dict(programs="truth"), {"records"}),
    ("another engine", ["env", "LIBPROF_CPU=perf", truth], dict(programs="truth"), {"records"}),
    ("no engine", ["env", "LIBPROF_CPU=off", truth], dict(programs="truth"), {"records"}),
    ("all of it", [truth], dict(programs="truth"), set()),
)
for what, command, options, wanted in EMPTY:
    status = 0 if command[0] == W / "w_own_malloc" else 3
    got = kinds(Workload("empty", command, status=status, **options), setting="timer-all")
    check(got == wanted, what, "was reported as", got)
check("itself" in kinds(Workload("itself", ["/bin/sh", "-c", "echo $$"])),
      "a workload that differs from itself was not found out")
masked = Workload("masked", ["/bin/sh", "-c", "echo $$"], masks="pid")
check(kinds(masked) == set(), "a pid was not masked")
for name, (pattern, by, why) in MASKS.items():
    check(why and not pattern.search("2 files, 17 rows, 3 errors: ok"), "mask", name, "is greedy")
measured("oracle", "the oracle itself: libraries that change one thing each",
         f"{len(FAULTS) + 2} faults, {13 + len(DAMAGES) + len(EMPTY)} workloads", "each reported, nothing else")
