#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the perf engine meets after it was opened: a program that leaves its namespaces or
changes its groups, while the writer is away, threads that may suddenly run on other CPUs,
and threads that threads make while the engine of a forked child is being opened.

limit: 120
"""
from pitfalls import compile_c
from lib import *

COMMON = r"""
    #define _GNU_SOURCE
    #include <dirent.h>
    #include <errno.h>
    #include <grp.h>
    #include <pthread.h>
    #include <sched.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/wait.h>
    #include <time.h>
    #include <unistd.h>
    #include "libprof.h"
    static long long cpu(clockid_t clock)
    {
        struct timespec t;
        clock_gettime(clock, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
    }
    static void burn_ms(int ms)
    {
        for (long long until = cpu(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000LL;
             cpu(CLOCK_THREAD_CPUTIME_ID) < until;)
            for (volatile int i = 0; i < 10000; i++)
                ;
    }
    #define PHASE static __attribute__((noinline)) void
    """


def good(trace):
    prof("check", trace)
    return Profile(trace)


def samples_in(p, function):
    return p.count(lambda s: function in s and is_sampled(s))


# The events are those of the thread that opened them, and it is gone after a pause: a delayed
# start, a stop and a start still act, and the writer sleeps.
paused = compile_c("paused.exe", COMMON + r"""
    PHASE after_pause(void) { burn_ms(600); __asm__(""); }
    PHASE while_stopped(void) { burn_ms(300); __asm__(""); }
    PHASE started_again(void) { burn_ms(300); __asm__(""); }
    static long wakings(void)
    {
        DIR *d = opendir("/proc/self/task");
        long sum = 0, n;
        struct dirent *e;
        while ((e = readdir(d))) {
            char path[300], line[200];
            FILE *f;
            if (atoi(e->d_name) == getpid())
                continue;
            snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
            f = fopen(path, "r");
            while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
                    sum += n;
            if (f)
                fclose(f);
        }
        closedir(d);
        return sum;
    }
    int main(int argc, char **argv)
    {
        long before;
        int ret = argc > 1 && !strcmp(argv[1], "groups") ? initgroups("nobody", 65534)
                                                         : unshare(CLONE_NEWUSER | CLONE_NEWUTS);
        if (ret)
            return 77;
        after_pause();
        LIBPROF_STOP();
        while_stopped();
        LIBPROF_START();
        started_again();
        before = wakings();
        sleep(1);
        fprintf(stderr, "%ld\n", wakings() - before);
        return 0;
    }
    """, f"-I{SRC}/include")
for user in users():
    for call in ("namespaces", "groups"):
        for delay in (0, 200):
            out = f"{call}-{delay}"
            # With a delay the rings before and after are more than a user may lock together.
            limit = ["prlimit", "--memlock=65536"] if delay and user.prefix else []
            ran = run([*limit, *words([user.file(paused), call], user, preload(
                user, out=out, cpu="perf", cpu_hz=500, delay_ms=delay))], cwd=user.home)
            if ran.status == 77:
                check(user.prefix, call, "is not allowed here")
                continue
            p = good(user.home / out)
            what = f"{user.name}, {call}, a delay of {delay} ms:"
            check(p.cpu_engine == "perf", what, p.cpu_engine)
            counts = [samples_in(p, f) for f in ("after_pause", "while_stopped", "started_again")]
            note(what, counts, "wakings", ran.err)
            check(counts[0] > 100 and counts[1] < 5 and counts[2] > 75, what, "samples", counts)
            check(int(ran.err) < 40, what, "the writer woke", ran.err, "times in a second")
            check(len(p.threads) == 1, what, "threads", [t["name"] for t in p.threads])

# Nothing may run on a second CPU at first.
if os.cpu_count() < 2:
    note("one CPU only: nobody can move")
else:
    moved = compile_c("moved.exe", COMMON + r"""
        static pthread_barrier_t meet;
        PHASE moved_early(void) { burn_ms(2000); __asm__(""); }
        PHASE moved_main(void) { burn_ms(2000); __asm__(""); }
        PHASE moved_late(void) { burn_ms(1000); __asm__(""); }
        static void *early(void *arg)
        {
            pthread_barrier_wait(&meet);
            moved_early();
            return arg;
        }
        static void *late(void *arg) { moved_late(); return arg; }
        static void move(int cpu)
        {
            DIR *d = opendir("/proc/self/task");
            struct dirent *e;
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(cpu, &set);
            while ((e = readdir(d)))
                if (atoi(e->d_name))
                    sched_setaffinity(atoi(e->d_name), sizeof(set), &set);
            closedir(d);
        }
        int main(int argc, char **argv)
        {
            pthread_t t[2];
            pthread_barrier_init(&meet, 0, 2);
            pthread_create(&t[0], 0, early, 0);
            usleep(100000);
            move(atoi(argv[argc - 1]));
            pthread_barrier_wait(&meet);
            moved_main();
            pthread_create(&t[1], 0, late, 0);
            for (int i = 0; i < 2; i++)
                pthread_join(t[i], 0);
            return 0;
        }
        """, "-pthread", f"-I{SRC}/include")
    here, there = sorted(os.sched_getaffinity(0))[:2]
    run(["taskset", "-c", str(here), *words([moved, there], env=preload(out="moved", cpu="perf"))])
    p = good("moved")
    for function, ms in (("moved_early", 2000), ("moved_main", 2000), ("moved_late", 1000)):
        share = p.cpu(function) / (ms * 1e6)
        note(function, share)
        check(0.35 < share < 1.15, function, "of its CPU time is sampled:", share)

# Each thread is made by the one before it, while the child's writer opens the engine.
chain = compile_c("chain.exe", COMMON + r"""
    enum { N = 150 };
    static pthread_t t[N];
    static _Atomic int n;
    static void *link_of_chain(void *arg)
    {
        long i = (long)arg;
        usleep(300);
        if (i + 1 < N && pthread_create(&t[i + 1], 0, link_of_chain, (void *)(i + 1)))
            abort();
        n++;
        burn_ms(20);
        return arg;
    }
    int main(void)
    {
        pid_t pid = fork();
        int status;
        if (!pid) {
            pthread_create(&t[0], 0, link_of_chain, 0);
            while (n < N)
                usleep(1000);
            for (int i = 0; i < N; i++)
                pthread_join(t[i], 0);
            return 0;
        }
        return waitpid(pid, &status, 0) != pid || status;
    }
    """, "-pthread", f"-I{SRC}/include")
for i in range(3):
    ran = run([chain], env=preload(out=f"chain-{i}-%p", cpu="perf", cpu_hz=1000))
    check(ran.status == 0, "a chain of threads:", ran.status, ran.err)
    child, = [p for p in map(good, HOME.glob(f"chain-{i}-*")) if len(p.threads) > 100]
    for t in child.threads:
        ms = sum(n for other, s, n, _ in child.stacks() if other["tid"] == t["tid"] and is_sampled(s))
        if ms > 30:
            fail(f"a thread of 20 ms has {ms} samples of 1 ms")
    note("samples of 1 ms of 3000 ms:", child.count(is_sampled))
    check(child.count(is_sampled) > 1500, "samples of 3000 ms", child.count(is_sampled))

# Who has two events hands both on, and the kernel tells of a new thread once for each: numbers
# are given to threads one after the other, and to none two.
handed = compile_c("handed.exe", COMMON + r"""
    enum { N = 400 };
    static pthread_t t[N], leaf[N];
    static _Atomic int n, go;
    static void *end_soon(void *arg)
    {
        free(malloc(100));
        usleep(1000);
        return arg;
    }
    static void *hand_on(void *arg)
    {
        long i = (long)arg;
        n++;
        while (!go)
            usleep(2000);
        if (pthread_create(&leaf[i], 0, end_soon, 0) || pthread_join(leaf[i], 0))
            abort();
        return arg;
    }
    static void *make(void *arg)
    {
        for (long i = 0; i < N; i++, usleep(100))
            if (pthread_create(&t[i], 0, hand_on, (void *)i))
                abort();
        return arg;
    }
    int main(void)
    {
        pid_t pid = fork();
        pthread_t maker;
        int status;
        if (pid)
            return waitpid(pid, &status, 0) != pid || status;
        pthread_create(&maker, 0, make, 0);
        pthread_join(maker, 0);
        while (n < N)
            usleep(1000);
        usleep(50000);
        go = 1;
        for (int i = 0; i < N; i++)
            pthread_join(t[i], 0);
        return 0;
    }
    """, "-pthread", f"-I{SRC}/include")
ran = run([handed], env=preload(out="handed-%p", cpu="perf", cpu_hz=1000, heap_bytes=1))
check(ran.status == 0, "threads that make one more each:", ran.status, ran.err)
child, = [p for p in map(good, HOME.glob("handed-*")) if len(p.threads) > 100]
last = max(t["id"] for t in child.threads)
check(last == len(child.threads), last, "numbers were given to", len(child.threads), "threads")
