#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that go around libc: main, or the child of a clone, ends by the bare exit call; a
program of many threads forks by the bare call; a coroutine's stack lies within another stack,
with a guard page between.  Output and status are the program's, and it ends.

limit: 120
"""
import time

from pitfalls import compile_c
from lib import *


def bare_and(what, command, most=3, timeout=20, **values):
    bare = run(command, timeout=timeout)
    for engine in ENGINES:
        began = time.monotonic()
        try:
            ran = run(words(command, env=preload(out=f"{what}-{engine}-%p", cpu=engine, **values)),
                      timeout=timeout)
        except subprocess.TimeoutExpired:
            fail(f"{what} hangs under {engine}")
        took = time.monotonic() - began
        check((ran.status, ran.out) == (bare.status, bare.out), what, engine, ran.status, ran.out,
              ran.err[-300:], "bare", bare.status, bare.out)
        note(what, engine, f"{took:.2f} s")
        for trace in HOME.glob(f"{what}-{engine}-*"):
            prof("check", trace)
            p = Profile(trace)
            main, = [t for t in p.threads if t["main"]]
            # What it used up to its end, but for what the loader did before the trace.
            if p.process["program"] == "exits.exe" and not what.startswith("clone"):
                check(main["cpu_ns"] > int(ran.err) - 20e6, what, engine, "main used", int(ran.err),
                      "of which is told", main["cpu_ns"])


exe = compile_c("exits.exe", r"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <sched.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <time.h>
    #include <unistd.h>
    static void *worker(void *arg)
    {
        usleep(200000);
        free(malloc(100));
        return arg;
    }
    static int child(void *arg)
    {
        for (int i = 0; i < 2000; i++) {
            void *volatile p = malloc(900);
            free(p);
        }
        return arg ? 7 : 8;
    }
    int main(int argc, char **argv)
    {
        static char stack[1 << 20];
        struct timespec used;
        pthread_t t;
        int status;
        pid_t pid;
        puts("begun");
        fflush(stdout);
        for (volatile long i = 0; i < 200000000; i++)
            ;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        fprintf(stderr, "%lld\n", used.tv_sec * 1000000000LL + used.tv_nsec);
        if (!strcmp(argv[1], "threads"))
            pthread_create(&t, 0, worker, 0);
        if (!strcmp(argv[1], "clone")) {
            pid = clone(child, stack + sizeof(stack), SIGCHLD, stack);
            if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
                return 9;
            return WEXITSTATUS(status);
        }
        syscall(SYS_exit, 5);
        return argc;
    }
    """, "-pthread")
for how in ("alone", "threads", "clone"):
    bare_and(how, [exe, how], heap_bytes=1)
    if ROOT:  # where memory cannot be asked for
        bare_and(f"{how}-refused", [W / "w_deny", "process_vm_readv", "EPERM", exe, how], heap_bytes=1)

# libc keeps stacks of threads that ended under a lock, which a fork puts right and the bare call
# does not.
exe = compile_c("forks.exe", r"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/syscall.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static void *nothing(void *arg) { return arg; }
    static void *churn(void *arg)
    {
        pthread_t t[8];
        for (;;) {
            for (int i = 0; i < 8; i++)
                if (pthread_create(&t[i], 0, nothing, 0))
                    abort();
            for (int i = 0; i < 8; i++)
                pthread_join(t[i], 0);
        }
        return arg;
    }
    int main(void)
    {
        int hung = 0;
        for (int i = 0; i < 6; i++) {
            pthread_t t;
            pthread_create(&t, 0, churn, 0);
        }
        for (int i = 0; i < 60; i++) {
            pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
            int ms = 0, status;
            if (!pid) {
                for (int k = 0; k < 3000; k++) {
                    void *volatile p = malloc(900);
                    free(p);
                }
                _exit(0);
            }
            while (!waitpid(pid, &status, WNOHANG) && ms++ < 3000)
                usleep(1000);
            if (ms > 3000) {
                kill(pid, SIGKILL);
                waitpid(pid, &status, 0);
                hung++;
            }
        }
        printf("%d hung\n", hung);
        fflush(stdout);
        _exit(0);
    }
    """, "-pthread")
bare_and("forks", [exe], timeout=100)

# The samples of allocations are copied by the thread itself.
exe = compile_c("nested.exe", r"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <ucontext.h>
    static ucontext_t back, fiber;
    static void allocate(void)
    {
        for (int i = 0; i < 20000; i++) {
            void *volatile p = malloc(1000);
            free(p);
        }
    }
    static void run_on(char *stack, size_t bytes)
    {
        getcontext(&fiber);
        fiber.uc_stack.ss_sp = stack;
        fiber.uc_stack.ss_size = bytes;
        fiber.uc_link = &back;
        makecontext(&fiber, allocate, 0);
        swapcontext(&back, &fiber);
    }
    static void *on_slot_below(void *slot)
    {
        run_on((char *)slot + 4096, (1 << 20) - 4096);
        return 0;
    }
    int main(int argc, char **argv)
    {
        if (!strcmp(argv[1], "slots")) {
            char *slots = mmap(0, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            pthread_attr_t attr;
            pthread_t t;
            mprotect(slots, 4096, PROT_NONE);
            mprotect(slots + (1 << 20), 4096, PROT_NONE);
            pthread_attr_init(&attr);
            pthread_attr_setstack(&attr, slots + (1 << 20), 1 << 20);
            if (pthread_create(&t, &attr, on_slot_below, slots) || pthread_join(t, 0))
                return 9;
        } else {
            static char *within;
            char room[68 << 10];
            within = (char *)(((uintptr_t)room + 4095) & ~(uintptr_t)4095);
            mprotect(within + 32768, 4096, PROT_NONE);
            run_on(within + 4096, 32768 - 4096);
            mprotect(within + 32768, 4096, PROT_READ | PROT_WRITE);
        }
        puts("done");
        return argc > 9;
    }
    """, "-pthread")
for how in ("slots", "within"):
    bare_and(how, [exe, how], heap_bytes=4096, cpu_hz=999)
