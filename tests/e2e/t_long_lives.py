#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a program meets only after days, by the thousand or on another machine, made to
happen here: a forked child that never records anything, a fork within a callback of the
loader, threads that libc makes for itself, a machine of many CPUs, a user of many groups,
no room for the note that a tool's presence leaves, an opening larger than a segment.

limit: 200
"""
import concurrent.futures

from pitfalls import compile_c
from lib import *


def bare_and(what, command, before=(), timeout=30, **values):
    """The program's own status and output are the same with the library; Ran of that."""
    bare = run([*before, *words(command)], timeout=timeout)
    ran = run([*before, *words(command, env=preload(**values))], timeout=timeout)
    check((ran.status, ran.out) == (bare.status, bare.out), what, "changed the program:",
          ran.status, ran.out[-300:], ran.err[-300:], "bare", bare.status, bare.out[-300:])
    return ran


def good(trace):
    prof("check", trace)
    return Profile(trace)


# A child that stops and starts the recording and else does nothing: what is said of that is
# taken before the room for it is used up.
exe = compile_c("toggles.exe", r"""
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/wait.h>
    #include <unistd.h>
    #include "libprof.h"
    int main(void)
    {
        int status;
        pid_t pid = fork();
        if (!pid) {
            for (int i = 0; i < 40000; i++) {
                LIBPROF_STOP();
                LIBPROF_START();
            }
            for (int i = 0; i < 1000; i++) {
                void *volatile p = malloc(i);
                free(p);
            }
            exit(7);
        }
        waitpid(pid, &status, 0);
        printf("%d\n", status);
        return 0;
    }
    """, f"-I{SRC}/include")
bare_and("a child that toggles", [exe], out="toggles-%p", cpu="off", heap_bytes=1, timeout=60)
children = [good(t) for t in traces(HOME) if t.name.startswith("toggles-")]
check(len(children) == 2, len(children), "traces of parent and child")
check(sum(p.site("main")["alloc_objects"] for p in children) >= 1000, "the child's calls are lost")

# The writer waits for the loader's lock, which the forking thread itself holds: in a callback
# of dl_iterate_phdr, as an unwinder makes them.
exe = compile_c("callback.exe", r"""
    #define _GNU_SOURCE
    #include <link.h>
    #include <stdio.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static int call(struct dl_phdr_info *info, size_t size, void *arg)
    {
        int status = -1;
        pid_t pid;
        (void)info; (void)size; (void)arg;
        usleep(400000); /* the writer comes by every 50 ms */
        pid = fork();
        if (!pid)
            _exit(3);
        waitpid(pid, &status, 0);
        printf("%d\n", status);
        return 1;
    }
    int main(void) { return dl_iterate_phdr(call, 0) - 1; }
    """)
bare_and("a fork in a callback", [exe], out="callback", cpu="timer", flush_ms=50, timeout=20)
good("callback")

# libc's own threads, which no hook meets: the writer gives them timers, and takes them back.
exe = compile_c("aio.exe", r"""
    #define _GNU_SOURCE
    #include <aio.h>
    #include <stdio.h>
    #include <string.h>
    #include <unistd.h>
    enum { N = 12 };
    static int queued(void)
    {
        char line[200];
        int n = -1;
        FILE *f = fopen("/proc/self/status", "r");
        while (fgets(line, sizeof(line), f))
            sscanf(line, "SigQ: %d/", &n);
        fclose(f);
        return n;
    }
    int main(void)
    {
        static struct aiocb cb[N];
        static char byte[N];
        int ends[N][2], before = queued(), most = 0, after;
        for (int i = 0; i < N; i++) {
            if (pipe(ends[i])) return 9;
            cb[i] = (struct aiocb){ .aio_fildes = ends[i][0], .aio_buf = &byte[i], .aio_nbytes = 1 };
            if (aio_read(&cb[i])) return 8;
        }
        for (int i = 0; i < 35; i++) {
            int now = queued();
            most = now > most ? now : most;
            usleep(100000);
        }
        for (int i = 0; i < N; i++)
            if (write(ends[i][1], "x", 1) != 1) return 7;
        sleep(5); /* they go after one idle second, and the writer looks once a second */
        after = queued();
        fprintf(stderr, "%d %d %d\n", before, most, after);
        return 0;
    }
    """)
ran = run(words([exe], env=preload(out="aio", cpu="timer")), timeout=40)
check(ran.status == 0, "aio:", ran.status, ran.err)
before, most, after = map(int, ran.err.split())
check(most >= before + 8, "the writer gave no timers:", ran.err)
check(after <= before + 1, "timers of threads that are gone stay:", ran.err)
good("aio")

# A thread that no hook has seen to start, as a library bound to libc alone makes them,
# allocates late in its life: it is one thread, with one timer.
deep = compile_c("deep.so", r"""
    #include <pthread.h>
    void *deep_run(void *(*f)(void *))
    {
        pthread_t t;
        void *result;
        return pthread_create(&t, 0, f, 0) || pthread_join(t, &result) ? 0 : result;
    }
    """, "-shared", "-fPIC", "-pthread")
exe = compile_c("late.exe", r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <time.h>
    #include <unistd.h>
    static long long cpu(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
    }
    static void burn(long long ns)
    {
        for (long long until = cpu() + ns; cpu() < until;)
            for (volatile int i = 0; i < 1000000; i++)
                ;
    }
    static void *late(void *arg)
    {
        burn(2500000000); /* the writer has met it */
        sleep(5); /* longer than a thread may take from its first sign of life to its start */
        for (int i = 0; i < 100; i++) {
            void *volatile p = malloc(100);
            free(p);
        }
        burn(1000000000);
        printf("late %d %lld\n", gettid(), cpu());
        return arg ? arg : &cpu;
    }
    int main(int argc, char **argv)
    {
        void *lib = dlopen(argv[argc - 1], RTLD_NOW | RTLD_DEEPBIND);
        void *(*run)(void *(*)(void *)) = lib ? (void *(*)(void *(*)(void *)))dlsym(lib, "deep_run") : 0;
        return run && run(late) ? 0 : 9;
    }
    """, "-ldl")


def late(engine):
    return run(words([exe, deep], env=preload(out=f"late-{engine}", cpu=engine, cpu_hz=100,
                                              heap_bytes=1)), timeout=60)


with concurrent.futures.ThreadPoolExecutor() as pool:
    late_ones = dict(zip(ENGINES, pool.map(late, ENGINES)))
for engine, ran in late_ones.items():
    (tid, cpu_ns), = ran.rows("late")
    p = good(f"late-{engine}")
    mine = [t for t in p.threads if t["tid"] == tid]
    check(len(mine) == 1, engine, len(mine), "threads of one tid:", mine)
    samples = sum(n for t, stack, n, _ in p.stacks() if t["tid"] == tid and is_sampled(stack))
    # of its first second or two the writer, which gives timers, knows nothing
    check(0.3 * cpu_ns < samples * 10**7 < 1.05 * cpu_ns, engine, samples, "samples of 10 ms of", cpu_ns)

# A passing peak of blocks alive, larger than all that may be on disk: recording goes on after it.
exe = compile_c("peak.exe", r"""
    #include <stdlib.h>
    #include <unistd.h>
    enum { N = 150000 };
    static void *block[N];
    static __attribute__((noinline)) void *after(void) { return malloc(24); }
    int main(void)
    {
        for (int i = 0; i < N; i++)
            block[i] = malloc(16 + i % 5000);
        sleep(1);
        for (int i = 0; i < N; i++)
            free(block[i]);
        sleep(1);
        for (int i = 0; i < 1000; i++) {
            void *volatile p = after();
            free(p);
        }
        sleep(1);
        return 0;
    }
    """)
for attempt in range(3):  # a writer that is late by a second has the peak and the rest in one
    bare_and("a peak", [exe], out=f"peak-{attempt}", cpu="off", heap_bytes=1, limit_bytes="256K",
             segment_bytes="64K", flush_ms=20)
    after = good(f"peak-{attempt}").site("after")
    if after["alloc_objects"] == 1000:
        break
check(after["alloc_objects"] == 1000, "what came after the peak is lost")
size = sum(path.stat().st_size for path in segments(HOME / f"peak-{attempt}"))
check(0 < size < 600 << 10, size, "bytes on disk in the end, of 256 KiB allowed")

# A machine of 2,048 CPUs: the rings of all are not more than 32 MiB together, if small.
many = compile_c("many.so", r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <unistd.h>
    long sysconf(int name)
    {
        static long (*real)(int);
        if (!real)
            *(void **)&real = dlsym(RTLD_NEXT, "sysconf");
        return name == _SC_NPROCESSORS_ONLN ? 2048 : real(name);
    }
    """, "-shared", "-fPIC", "-ldl")
for hz in (94, 999):
    values = preload(out=f"many-{hz}", cpu_hz=hz)
    values["LD_PRELOAD"] = f"{many}:{values['LD_PRELOAD']}"
    ran = run(words(["sh", "-c", "cat /proc/$$/maps"], env=values))
    rings = [line.split()[0].split("-") for line in ran.out.decode().splitlines() if "[perf_event]" in line]
    sizes = {int(end, 16) - int(start, 16) for start, end in rings}
    check(not sizes or max(sizes) <= (64 << 10) + 4096, hz, "Hz: rings of", sizes)

# A long list of groups pushes what is read of a filter out of what is read; the filter kills.
if os.geteuid() == 0:
    groups = ["setpriv", "--groups", ",".join(str(1000000000 + i) for i in range(600))]
    if run([*groups, "true"]).status == 0:
        for call in ("perf_event_open", "process_vm_readv"):
            values = preload(out=f"groups-{call}", heap_bytes=1)
            program = [W / "w_fault", W / "p_alpha.so"]
            wrap = [*groups, W / "w_deny", call, "KILL"]
            bare = run([*wrap, *program])
            ran = run([*wrap, "env", *(f"{k}={v}" for k, v in values.items()), *program])
            check((ran.status, ran.out) == (bare.status, bare.out), call, ran.status, ran.err)
            p = good(f"groups-{call}")
            check(p.cpu_engine == ("timer" if call == "perf_event_open" else "perf"), call, p.cpu_engine)

# Under a tool nothing is started but for a trace that says so, which has no room here.
if shutil.which("valgrind"):
    for limit in (0, 100):
        bare_and(f"valgrind, ulimit -f {limit}", ["valgrind", "-q", W / "w_mini", 1],
                 before=["prlimit", f"--fsize={limit}"], out=f"tool-{limit}")

# More blocks alive than a segment holds: a new one still is not begun at each flush.
exe = compile_c("alive.exe", r"""
    #include <stdlib.h>
    #include <unistd.h>
    int main(void)
    {
        for (int i = 0; i < 120000; i++) {
            void *volatile p = malloc(16);
            (void)p;
        }
        sleep(2);
        _exit(0);
    }
    """)
bare_and("blocks alive", [exe], out="alive", cpu="off", heap_bytes=1, segment_bytes="64K", flush_ms=20)
check(good("alive").site("main")["inuse_objects"] == 120000, "blocks alive")
number = len(segments(HOME / "alive"))
check(0 < number < 30, number, "segments of a burst and two idle seconds")
