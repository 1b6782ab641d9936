#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that the library stands before cost a bounded time and leave the program's state alone:
exec that fails and setns, again and again; the child that a pid 1 makes, which is pid 1 too; a
vfork child's sigaction; the stack that dlclose needs.

Times are the least, or the median, of many calls, and the limits far from both what is expected
and what was there with the fault: no run is known to fail by chance.

limit: 180
"""
from pitfalls import compile_c
from lib import *

TIMES = r"""
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <sched.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <time.h>
    #include <unistd.h>
    static double now_us(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
    }
    static int compare(const void *a, const void *b)
    {
        double d = *(const double *)a - *(const double *)b;
        return d < 0 ? -1 : d > 0;
    }
    static double us[4000];
    #define MEDIAN(what, n, call)                                              \
        do {                                                                   \
            int result_ = 0;                                                   \
            for (int i_ = 0; i_ < (n); i_++) {                                 \
                double t_ = now_us();                                          \
                errno = 0;                                                     \
                result_ = (call);                                              \
                us[i_] = now_us() - t_;                                        \
            }                                                                  \
            printf("result %s %d %d\n", what, result_, errno);                 \
            qsort(us, n, sizeof(*us), compare);                                \
            fprintf(stderr, "%s %d\n", what, (int)us[(n) / 2]);                \
        } while (0)
    """


def timed(what, command, most_us, out, **values):
    """Bare, and under both engines: the same results, and the medians below most_us.  Yields
    (engine, trace)."""
    bare = run(words(command))
    note(what, "bare:", bare.err.decode())
    for engine in ENGINES:
        trace = HOME / f"{out}-{engine}"
        ran = run(words(command, env=preload(out=trace, cpu=engine, heap_bytes=1, **values)))
        note(what, engine, ran.err.decode(), len(segments(trace)), "segments")
        check((ran.status, ran.out) == (bare.status, bare.out), what, engine, ran.status, ran.out,
              "bare", bare.status, bare.out)
        for line in ran.err.decode().splitlines():
            name, us = line.split()
            check(int(us) < most_us.get(name, 1e9), what, engine, name, us, "us a call")
        yield engine, trace


# An exec that fails: of what cannot be executed, which a shell does once for each directory of
# PATH, and of what only the kernel can tell.  The program goes on in the segment it was in.
text, plain = HOME / "text", HOME / "plain"
text.write_bytes(b"\0neither a program nor a script\n")
text.chmod(0o755)
plain.write_bytes(b"\0")
plain.chmod(0o644)
exe = compile_c("execs.exe", TIMES + r"""
    int main(int argc, char **argv)
    {
        char *args[] = { "x", 0 }, *block;
        int n = 200, fd = open("/", O_RDONLY | O_DIRECTORY), at = open(argv[2], O_PATH);
        MEDIAN("none", 1000, execv("/nonexistent/x", args));
        MEDIAN("directory", n, execv("/", args));
        MEDIAN("plain", n, execve(argv[2], args, environ));
        MEDIAN("null", n, execv(0, args));
        MEDIAN("at", n, execveat(fd, "nonexistent", args, environ, 0));
        MEDIAN("empty", n, execveat(at, "", args, environ, AT_EMPTY_PATH));
        MEDIAN("fd", n, fexecve(at, args, environ));
        MEDIAN("list", n, execl("/nonexistent/x", "x", (char *)0));
        MEDIAN("path", n, execvp("nonexistent-x", args));
        MEDIAN("text", n, execv(argv[1], args));
        block = malloc(123);
        memset(block, 1, 123);
        fflush(stdout);
        if (argc > 3 && !strcmp(argv[3], "exec"))
            execl("/bin/true", "true", (char *)0);
        if (argc > 3 && !strcmp(argv[3], "wait"))
            pause();
        free(block);
        return 5;
    }
    """)
QUICK = dict.fromkeys(("none", "directory", "plain", "null", "at", "empty", "fd", "list"), 300)
for last, status, state in (("return", 5, "exit"), ("exec", 0, "exec")):
    for engine, trace in timed("exec", [exe, text, plain, last], QUICK, f"execs-{last}",
                               programs="execs.exe"):
        found = len(segments(trace))
        check(found == 1, last, engine, found, "segments of a program whose execs fail")
        profile = Profile(trace)
        check(profile.process["state"] == state, last, engine, "ended as", profile.process["state"])
        prof("check", trace)
        marks = [m["mark"] for m in profile.process["marks"]].count("exec")
        check(marks >= 100, last, engine, marks, "marks of execs that the kernel was to refuse")

# What a failed exec said of the end is taken back when the program goes on.
for engine in ENGINES:
    trace = HOME / f"waits-{engine}"
    done = subprocess.Popen(words([exe, text, plain, "wait"],
                                  env=preload(out=trace, cpu=engine, flush_ms=50)),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while done.stdout.readline().split()[:2] != [b"result", b"text"]:
        check(done.poll() is None, "ended by itself")
    wait_for(lambda: Profile(trace).process["state"] == "open", f"{engine}: goes on", 10)
    done.kill()
    done.wait()
    check(Profile(trace).process["state"] == "open", engine, "killed after an exec that failed:",
          Profile(trace).process["state"])

# setns whose descriptor says which namespace it is: the writer goes aside only for those that a
# process of several threads may not enter, and comes back to the segment it was in.
exe = compile_c("setns.exe", TIMES + r"""
    static int of(const char *name)
    {
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
        return open(path, O_RDONLY | O_CLOEXEC);
    }
    int main(void)
    {
        const char *const quick[] = { "net", "uts", "ipc", "cgroup", "pid", "mnt" };
        int n = 300, file = open("/dev/null", O_RDONLY);
        for (int i = 0; i < 6; i++) {
            int fd = of(quick[i]);
            MEDIAN(quick[i], n, setns(fd, 0));
        }
        MEDIAN("file", n, setns(file, 0));
        MEDIAN("none", n, setns(-1, 0));
        int user = of("user"), time = of("time");
        MEDIAN("user", 50, setns(user, 0));
        MEDIAN("time", 50, setns(time, 0));
        MEDIAN("typed", 50, setns(user, CLONE_NEWUSER));
        pid_t pid = fork();
        if (!pid)
            _exit(unshare(CLONE_NEWUSER) ? 1 : 3);
        int status;
        waitpid(pid, &status, 0);
        printf("child %x\n", status);
        free(malloc(100));
        return 0;
    }
    """)
QUICK = dict.fromkeys(("net", "uts", "ipc", "cgroup", "pid", "mnt", "file", "none"), 500)
for engine, trace in timed("setns", [exe], QUICK if ROOT else {}, "setns", children=0):
    found = len(segments(trace))
    check(found == 1, "setns", engine, found, "segments")
    profile = Profile(trace)
    check(profile.process["state"] == "exit", "setns", engine, profile.process["state"])
    prof("check", trace)

# A user namespace that is another's can be entered, by a process of one thread alone; what is
# allocated before, meanwhile and after is in the trace.
exe = compile_c("enter.exe", r"""
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <sched.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/wait.h>
    #include <unistd.h>
    int main(void)
    {
        int go[2], fd, result;
        char path[64], byte;
        pid_t pid;
        void *volatile keep = malloc(1001);
        if (pipe(go) || (pid = fork()) < 0)
            return 1;
        if (!pid) {
            byte = unshare(CLONE_NEWUSER | CLONE_NEWNET) ? 1 : 0;
            if (write(go[1], &byte, 1) != 1)
                _exit(1);
            pause();
        }
        if (read(go[0], &byte, 1) != 1 || byte)
            return 77;
        snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
        fd = open(path, O_RDONLY);
        result = setns(fd, 0);
        printf("%d %d\n", result, result ? errno : 0);
        keep = malloc(1003);
        kill(pid, SIGKILL);
        waitpid(pid, 0, 0);
        return 0;
    }
    """)
bare = run([exe])
if bare.status != 77:
    for engine in ENGINES:
        trace = HOME / f"enter-{engine}"
        ran = run(words([exe], env=preload(out=trace, cpu=engine, heap_bytes=1, children=0)))
        check((ran.status, ran.out) == (bare.status, bare.out), "entering a user namespace", engine,
              ran.status, ran.out, ran.err, "bare", bare.out)
        check(len(segments(trace)) == 1, engine, len(segments(trace)), "segments")
        state = Profile(trace).process["state"]
        check(state == "exit", "after the user namespace", engine, state)

# The child that pid 1 makes in a pid namespace of its own, as sandboxes do, is pid 1 as well, and
# has not its parent's writer.
exe = compile_c("pid1.exe", TIMES + r"""
    int main(int argc, char **argv)
    {
        int status, tries = 7;
        for (int i = 1; i < argc; i++) {
            double least = 1e12;
            for (int k = 0; k < tries; k++) {
                double t = now_us();
                pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
                if (pid < 0)
                    return 77;
                if (!pid) {
                    if (getpid() != 1)
                        _exit(78);
                    if (!strcmp(argv[i], "setuid")) {
                        int failed = setuid(0);
                        syscall(SYS_exit_group, failed ? 3 : 1);
                    }
                    if (!strcmp(argv[i], "_exit"))
                        _exit(1);
                    if (!strcmp(argv[i], "exit"))
                        exit(1);
                    if (!strcmp(argv[i], "quick_exit"))
                        quick_exit(1);
                    if (!strcmp(argv[i], "exec"))
                        execl("/bin/false", "false", (char *)0);
                    if (!strcmp(argv[i], "unshare")) {
                        int failed = unshare(CLONE_NEWUSER);
                        syscall(SYS_exit_group, failed ? 3 : 1);
                    }
                    syscall(SYS_exit_group, 9);
                }
                waitpid(pid, &status, 0);
                t = now_us() - t;
                if (t < least)
                    least = t;
            }
            printf("%s %x\n", argv[i], status);
            fprintf(stderr, "%s %d\n", argv[i], (int)(least / 1e3));
        }
        return 0;
    }
    """)
WAYS = ["_exit", "exit", "quick_exit", "exec", "unshare", "setuid"]
NEW_PID = ["unshare", "-pf"]
bare = run([*NEW_PID, exe, *WAYS]) if ROOT else None
able = bare and bare.status == 0
if able:
    for engine in ENGINES:
        env = preload(out=HOME / f"pid1-{engine}", cpu=engine, children=0)
        ran = run([*NEW_PID, *words([exe, *WAYS], env=env)], timeout=100)
        check((ran.status, ran.out) == (bare.status, bare.out), "pid 1", engine, ran.status,
              ran.out, ran.err, "bare", bare.out)
        for line in ran.err.decode().splitlines():
            way, ms = line.split()
            check(int(ms) < 60, "a child of pid 1 that is pid 1 takes", ms, "ms for", way, engine)

# What it inherits may be locked by a thread that it has not: it ends well, and without a trace,
# since a thread could not be made in it.
CHILDREN = 20
exe = compile_c("pid1-lock.exe", TIMES + r"""
    #include <pthread.h>
    #include <signal.h>
    static void *ask(void *arg)
    {
        struct sigaction old, dfl = { .sa_handler = SIG_DFL };
        for (;;)
            sigaction(SIGPROF, &dfl, &old);
        return arg;
    }
    int main(int argc, char **argv)
    {
        int children = atoi(argv[argc - 1]), good = 0, status;
        pthread_t thread;
        pthread_create(&thread, 0, ask, 0);
        for (int i = 0; i < children; i++) {
            usleep(1000);
            pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
            if (!pid) {
                double from = now_us();
                while (now_us() - from < 120e3)
                    free(malloc(100));
                exit(3);
            }
            waitpid(pid, &status, 0);
            good += status == 3 << 8;
        }
        printf("%d\n", good);
        return 0;
    }
    """, "-pthread", "-O0", "-fno-builtin")
if able:
    bare = run([*NEW_PID, exe, CHILDREN])
    for engine in ENGINES:
        ran = run([*NEW_PID, *words([exe, CHILDREN], env=preload(out=HOME / f"lock-{engine}",
                                                                cpu=engine, heap_bytes=4096))],
                  timeout=100)
        check((ran.status, ran.out) == (bare.status, bare.out), "children of pid 1", engine,
              ran.status, ran.out, ran.err)
        traces = sorted(HOME.glob(f"lock-{engine}*"))
        states = [Profile(t).process["state"] for t in traces]
        note(engine, states)
        check(len(traces) == 1, engine, len(traces), "traces of a process of two threads")
        check(states == ["exit"] * len(states), engine, "ends of the children of pid 1:", states)

# What a vfork child does to its signals is no affair of its parent's.
exe = compile_c("vfork.exe", r"""
    #define _GNU_SOURCE
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static void on(int sig) { (void)sig; }
    static void show(const char *when)
    {
        struct sigaction now;
        sigaction(SIGUSR1, 0, &now);
        printf("%s %d\n", when, sigismember(&now.sa_mask, SIGPROF));
        fflush(stdout);
    }
    int main(void)
    {
        stack_t small = { .ss_sp = malloc(16384), .ss_size = 16384 };
        struct sigaction act = { .sa_handler = on, .sa_flags = SA_ONSTACK };
        struct sigaction dfl = { .sa_handler = SIG_DFL };
        pid_t pid;
        sigaltstack(&small, 0);
        sigaction(SIGUSR1, &act, 0);
        show("before");
        pid = vfork();
        if (!pid) {
            sigaction(SIGUSR1, &dfl, 0);
            sigaction(SIGUSR2, &act, 0);
            _exit(0);
        }
        waitpid(pid, 0, 0);
        show("after");
        sigaddset(&act.sa_mask, SIGPROF);
        sigaction(SIGUSR2, &act, 0);
        sigaction(SIGUSR2, 0, &act);
        printf("asked for %d\n", sigismember(&act.sa_mask, SIGPROF));
        return 0;
    }
    """)
bare = run([exe])
for engine in ENGINES:
    ran = run(words([exe], env=preload(out=HOME / f"vfork-{engine}", cpu=engine)))
    check((ran.status, ran.out) == (bare.status, bare.out), "vfork child's sigaction", engine,
          ran.out, "bare", bare.out)

# The stack that dlclose needs: about as much as bare, since the 4 KiB that README asks for are a
# signal's.  A sample would add its own here, hence one a second at most.
ROOM = 1024
compile_c("gone.so", "int used(void) { return 1; }", "-shared", "-fPIC")
exe = compile_c("stack.exe", r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <pthread.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #define BYTES (256 << 10)
    static char *stack;
    static void *go(void *path)
    {
        char *here = __builtin_frame_address(0);
        void *lib;
        for (int i = 0; i < 3; i++) {
            lib = dlopen(path, RTLD_NOW);
            if (!lib) { puts(dlerror()); exit(1); }
            if (i == 2) /* what is below is free: dlclose's own */
                memset(stack, 0x5a, (size_t)(here - stack) - 512);
            dlclose(lib);
        }
        for (char *p = stack; p < here; p++)
            if (*p != 0x5a) {
                printf("stack %d\n", (int)(here - p));
                break;
            }
        return 0;
    }
    int main(int argc, char **argv)
    {
        pthread_attr_t attr;
        pthread_t thread;
        stack = aligned_alloc(4096, BYTES);
        pthread_attr_init(&attr);
        pthread_attr_setstack(&attr, stack, BYTES);
        pthread_create(&thread, &attr, go, argv[argc - 1]);
        pthread_join(thread, 0);
        return 0;
    }
    """, "-O1", "-pthread", "-ldl")
(bare,), = run([exe, HOME / "gone.so"]).rows("stack")
for engine in ENGINES:
    ran = run(words([exe, HOME / "gone.so"],
                    env=preload(out=HOME / f"stack-{engine}", cpu=engine, cpu_hz=1)))
    (needs_bytes,), = ran.rows("stack")
    note("dlclose:", engine, needs_bytes, "bytes of stack, bare", bare)
    check(needs_bytes - bare <= ROOM, "dlclose needs", needs_bytes - bare, "bytes more than bare",
          engine)
