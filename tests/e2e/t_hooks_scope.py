#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which definition of a name the loader gives to whom is what it is without us: operators of
plugins in a program that is not C++, loaded for themselves or for all, called or jumped to, before
the constructors of the library and after; functions of a library's own that are named as C23's or
once libc's.  And operators of plugins do not become slow for what a dlclose is doing.

limit: 120
"""
from pitfalls import compile_c
from lib import *

PLUGIN = ["-x", "c++", "-O1", "-fno-sized-deallocation", "-shared", "-fPIC"]


def same_as_bare(what, command, env=None, said=b"", **values):
    """Bare, and under both engines: status and output; `said` is in the output."""
    values = values or dict(heap_bytes=1)
    bare = run(words(command, env=env or {}))
    check(bare.status == 0 and said in bare.out, what, "bare", bare.status, bare.out, bare.err)
    for engine in ENGINES:
        mine = preload(out=f"{what}-{engine}-%p", cpu=engine,
                       extra=[env["LD_PRELOAD"]] if env else [], **values)
        ran = run(words(command, env=mine))
        check((ran.status, ran.out) == (0, bare.out), what, engine, ran.status, ran.out,
              ran.err[-300:], "bare", bare.out)


def plugin(name, source, *flags):
    return compile_c(name, source, *PLUGIN, *flags, compiler="g++")


# Operators with a header of their own, and libstdc++'s.
OWN = r"""
    #include <cstdint>
    #include <cstdio>
    #include <cstdlib>
    #include <new>
    struct H { uint64_t magic, n; };
    static unsigned news;
    void *operator new(size_t n)
    {
        H *h = (H *)malloc(n + 16);
        news++;
        h->magic = 0xfeedfacecafebeef;
        h->n = n;
        return h + 1;
    }
    void operator delete(void *p) noexcept
    {
        H *h = (H *)p - 1;
        if (!p)
            return;
        if (h->magic != 0xfeedfacecafebeef)
            abort();
        h->magic = 0;
        free(h);
    }
    struct Object { int x[5]; };
    extern "C" size_t own_size(void)
    {
        Object *o = new Object;
        H *h = (H *)o - 1;
        size_t n = h->magic == 0xfeedfacecafebeef ? h->n : 0;
        delete o;
        return n;
    }
    extern "C" unsigned own_news(void) { return news; }
    """
THEIRS = r"""
    struct T { int x[20]; };
    static T *v[100];
    extern "C" void make(void) { for (auto &p : v) p = new T; }
    extern "C" void drop(void) { for (auto &p : v) delete p; }
    extern "C" void *jump(void) { return new T; }
    extern "C" void back(T *p) { delete p; }
    """
plugin("own.so", OWN)
plugin("theirs.so", THEIRS)
# A library that is there for another, whose operators it has therefore.
compile_c("libunder.so", THEIRS, *PLUGIN, "-nodefaultlibs", "-lc", compiler="g++")
plugin("over.so", OWN, "-x", "none", "-Wl,--no-as-needed", "./libunder.so", "-Wl,-rpath,$ORIGIN")
host = compile_c("host.exe", r"""
    #include <dlfcn.h>
    #include <stdio.h>
    #include <string.h>
    #define CALL(type, lib, name) ((type (*)())dlsym(lib, name))
    int main(int argc, char **argv)
    {
        int mode = argc > 3 && strchr(argv[1], 'g') ? RTLD_GLOBAL : RTLD_LOCAL;
        int binding = strchr(argv[1], 'l') ? RTLD_LAZY : RTLD_NOW;
        void *own = 0, *theirs = 0, *late;
        for (int i = 2; i < argc; i++) {
            void *lib = dlopen(argv[i], binding | mode);
            if (!lib) { puts(dlerror()); return 1; }
            if (dlsym(lib, "own_size")) own = lib;
            if (dlsym(lib, "make")) theirs = lib;
            if (strchr(argv[1], 'u') && theirs) {
                CALL(void, theirs, "make")();
                CALL(void, theirs, "drop")();
            }
        }
        CALL(void, theirs, "make")();
        for (int i = 0; i < 100; i++)
            CALL(void, theirs, "back")(CALL(void *, theirs, "jump")());
        printf("size %zu", CALL(size_t, own, "own_size")());
        printf(" news %u\n", CALL(unsigned, own, "own_news")());
        fflush(stdout);
        if (own != theirs && mode == RTLD_LOCAL)
            dlclose(own);
        CALL(void, theirs, "drop")();
        late = dlsym(RTLD_DEFAULT, "_Znwm");
        printf("%s\n", late ? "operators for all" : "none for all");
        return 0;
    }
    """, "-ldl")
own, theirs = HOME / "own.so", HOME / "theirs.so"
for how in ("-", "l", "u", "lu", "g", "gl", "gu"):
    for order in ((own, theirs), (theirs, own)):
        said = b"" if "g" in how else b"size 20 news 1\nnone for all\n"
        same_as_bare(f"plugins {how} {order[0].stem} first", [host, how, *order], said=said)
over = HOME / "over.so"
same_as_bare("a library for another", [host, "-", over, over], said=b"size 20 news 201\n")

# What a constructor of another library loads, before ours has run.
early = compile_c("early.so", r"""
    #include <dlfcn.h>
    #include <stdio.h>
    __attribute__((constructor)) static void early(void)
    {
        void *theirs = dlopen(THEIRS, RTLD_NOW), *own = dlopen(OWN, RTLD_NOW);
        ((void (*)(void))dlsym(theirs, "make"))();
        printf("size %zu\n", ((size_t (*)(void))dlsym(own, "own_size"))());
        ((void (*)(void))dlsym(theirs, "drop"))();
    }
    """, f'-DTHEIRS="{theirs}"', f'-DOWN="{own}"', "-shared", "-fPIC", "-ldl")
same_as_bare("early", ["/bin/true"], env={"LD_PRELOAD": str(early)}, said=b"size 20\n")

# Functions of a library's own, called by the names that some C libraries have.
NAMED = r"""
    #include <stdio.h>
    #ifndef LATE
    void cfree(int *p) { printf("cfree %d\n", *p); }
    #endif
    void free_sized(int *p, unsigned long n) { printf("free_sized %d %lu\n", *p, n); }
    void free_aligned_sized(int *p, unsigned long a, unsigned long n)
    {
        printf("free_aligned_sized %d %lu %lu\n", *p, a, n);
    }
    void go(void)
    {
        static int at[4] = { 0, 7 };
        #ifndef LATE
        cfree(at + 1);
        #endif
        free_sized(at + 1, 5);
        free_aligned_sized(at + 1, 64, 6);
    }
    """
named = compile_c("libnamed.so", NAMED, "-fno-builtin", "-shared", "-fPIC")
exe = compile_c("named.exe", "void go(void); int main(void) { go(); return 0; }", named,
                "-Wl,-rpath,$ORIGIN")
NAMES = b"cfree 7\nfree_sized 7 5\nfree_aligned_sized 7 64 6\n"
same_as_bare("own cfree", [exe], said=NAMES)
exe = compile_c("late.exe", r"""
    #include <dlfcn.h>
    int main(int argc, char **argv)
    {
        ((void (*)(void))dlsym(dlopen(argv[argc - 1], RTLD_NOW), "go"))();
        return 0;
    }
    """, "-ldl")
named = compile_c("late.so", NAMED, "-DLATE", "-fno-builtin", "-shared", "-fPIC")
# A cfree the C library still has, for programs of old: it would be that.
same_as_bare("own free_sized, loaded later", [exe, named], said=NAMES[8:])
# Those of the allocator in force are free by another name, and counted as that.
allocator = compile_c("allocator.so", r"""
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>
    static char room[1 << 24];
    static size_t used;
    void *malloc(size_t n)
    {
        size_t at = __atomic_fetch_add(&used, (n + 31) & ~(size_t)15, __ATOMIC_RELAXED);
        return at + n + 32 > sizeof(room) ? 0 : room + at + 16 - (uintptr_t)room % 16;
    }
    void free(void *p) { (void)p; }
    void free_sized(void *p, size_t n) { (void)p; (void)n; }
    void *calloc(size_t n, size_t m) { return malloc(n * m); }
    void *realloc(void *p, size_t n)
    {
        void *to = malloc(n);
        if (p && to)
            memcpy(to, p, (size_t)(room + sizeof(room) - (char *)p) < n ? 0 : n);
        return to;
    }
    """, "-O1", "-fno-builtin", "-shared", "-fPIC")
exe = compile_c("sized.exe", r"""
    #include <stdlib.h>
    void free_sized(void *, size_t);
    int main(void) { for (int i = 0; i < 100; i++) free_sized(malloc(40), 40); return 0; }
    """, allocator, "-fno-builtin", "-Wl,-rpath,$ORIGIN")
ran = run(words([exe], env=preload(out="sized-%p", heap_bytes=1, cpu="off")))
check(ran.status == 0, "an allocator's free_sized", ran.status, ran.err[-300:])
trace = next(t for t in HOME.glob("sized-*"))
site = Profile(trace).site("main")
check(site["alloc_objects"] == 100 and site["inuse_objects"] == 0, "free_sized:", site)

# A child forked while another thread is in dlclose, and a destructor that never comes back: an
# operator costs as much afterwards, by the thread's own clock at the best of 20 tries and within a
# factor of 20; a walk along the loader's list each time makes it 300 and more.
plugin("churn.so", r"""
    extern "C" void churn(int n)
    {
        for (int i = 0; i < n; i++) {
            int *volatile p = new int;
            delete p;
        }
    }
    """)
plugin("slow.so", r"""
    #include <unistd.h>
    extern "C" { int in_destructor; }
    __attribute__((destructor)) static void slow(void) { in_destructor = 1; usleep(300000); }
    """)
plugin("jumps.so", r"""
    #include <setjmp.h>
    extern "C" { jmp_buf *where; }
    __attribute__((destructor)) static void leave(void) { if (where) longjmp(*where, 1); }
    """)
exe = compile_c("churn.exe", r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <pthread.h>
    #include <setjmp.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/wait.h>
    #include <time.h>
    #include <unistd.h>
    static void (*churn)(int);
    static double best(void)
    {
        double least = 1e9;
        for (int i = 0; i < 20; i++) {
            struct timespec a, b;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
            churn(2000);
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
            double t = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
            least = t < least ? t : least;
        }
        return least;
    }
    static void *closer(void *lib) { dlclose(lib); return 0; }
    int main(int argc, char **argv)
    {
        void *slow = dlopen(argv[argc - 2], RTLD_NOW), *jumps = dlopen(argv[argc - 1], RTLD_NOW);
        volatile int *in = dlsym(slow, "in_destructor");
        static jmp_buf env;
        pthread_t t;
        int status;
        double before;
        churn = (void (*)(int))dlsym(dlopen(argv[argc - 3], RTLD_NOW), "churn");
        churn(1000);
        before = best();
        pthread_create(&t, 0, closer, slow);
        while (!*in)
            usleep(1000);
        if (!fork())
            _exit(best() > 20 * before);
        wait(&status);
        pthread_join(t, 0);
        printf("%s", status ? "slow in the child" : "as before in the child");
        *(jmp_buf **)dlsym(jumps, "where") = &env;
        if (!setjmp(env))
            dlclose(jumps);
        puts(best() > 20 * before ? ", slow after a jump" : ", as before after a jump");
        fflush(stdout);
        _exit(0);
    }
    """, "-O1", "-pthread", "-ldl")
same_as_bare("dlclose", [exe, HOME / "churn.so", HOME / "slow.so", HOME / "jumps.so"],
             said=b"as before in the child, as before after a jump\n", heap="off")
