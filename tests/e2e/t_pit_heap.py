#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checklist's part B: what the malloc family promises, and what a layer in
front of it easily breaks; then what the trace has of it.

limit: 120
"""
from pitfalls import *

HEAP, STACK = W / "w_pit_heap", W / "w_pit_stack"


def every(what, mode, **values):
    return both([HEAP, mode], what, **dict(dict(heap_bytes=1, cpu="off"), **values))


def lost(p):
    return sum(p.losses.values())


@item("12")
def every_kind_freed_in_every_way():
    every("each block freed in each way:", "matrix")
    records()
    site = one().site("matrix")
    check((site["inuse_objects"], site["inuse_space"]) == (0, 0), "alive at the end:", site)
    # 44 blocks, one more where realloc grew a small one (4), one where it went on (11 x 2)
    check(site["alloc_objects"] == 44 + 4 + 22, "allocations", site)


@item("13")
def operators_of_a_library_of_its_own():
    exe = compile_c("mixed", r"""
        #include <cstdio>
        #include <new>
        #include <string>
        struct alignas(64) Wide { char bytes[200]; };
        struct Plain { int x[9]; };
        template <class T> static T *keep(T *p)
        {
            asm volatile("" : "+r"(p) : : "memory");
            return p;
        }
        int main()
        {
            for (int i = 0; i < 1000; i++) {
                delete keep(new Plain);
                delete[] keep(new Plain[3]);
                delete keep(new Wide);
                delete[] keep(new Wide[2]);
                operator delete(keep(operator new(77, std::nothrow)));
                operator delete(keep(operator new(77)), (std::size_t)77);
                std::string s(200, 'x');
                s += s;
            }
            std::puts("mixed");
        }
        """, "-x", "c++", "-std=c++17", "-O1", "-fsized-deallocation", compiler="g++")
    bare = run([exe], env={"LD_PRELOAD": W / "p_strict_new.so"})
    check(bare.status == 0, "the strict operators themselves:", bare.err)
    same(bare, run([exe], env=preload(out="trace-1", heap_bytes=1,
                                      extra=[W / "p_strict_new.so"])), "strict operators:")
    both([exe], "libstdc++'s operators:", heap_bytes=1, out="trace-2")
    records()
    for n in (1, 2):
        site = one(f"trace-{n}").site("main")
        check(site["alloc_objects"] >= 7000 and site["inuse_objects"] <= 1, site)


@item("14")
def an_address_goes_from_hand_to_hand():
    plugin = W / "p_slow_free.so"
    ran = run([HEAP, "reused"], env=preload(out="trace-1", heap_bytes=1, cpu="off", extra=[plugin]))
    same(run([HEAP, "reused"], env={"LD_PRELOAD": plugin}), ran, "one frees, the other keeps:")
    records()
    p = one()
    site = p.site("reused")
    # where the writer had no CPU for 100 ms an event is lost, and counted
    allocs = sum(p.losses[name] for name in ALLOC_LOSSES)
    frees = lost(p) - allocs
    # pthread_create's own block is the program's, too: a thread's stack is kept with it
    check(1000 - allocs <= site["inuse_objects"] <= 1001 + frees, "alive at the end", site,
          p.losses)
    check(site["alloc_objects"] + allocs == 2001, "allocations", site, p.losses)


@item("15", "17")
def calls_that_fail():
    every("calls that fail:", "fails")
    records()
    site = one().site("main")
    check(site["alloc_objects"] == 3, "recorded", site)
    check((site["inuse_objects"], site["inuse_space"]) == (1, 7000), "alive", site)


@item("16")
def degenerate_calls():
    every("zero, NULL and overflow:", "degenerate")


@item("18")
def errno_is_kept():
    both([W / "w_errno", 7000], "errno:", heap_bytes=1, cpu="off")  # some 100,000 calls


@item("19")
def growth_is_counted():
    every("a vector grows to 1 GiB:", "grows", heap_bytes="512K")
    records()
    site = one().site("grows")
    near(site["inuse_space"], 1 << 30, 0.001, "alive at the end")


@item("20")
def one_call_is_one_event():
    ran = every("many blocks:", "many")
    records()
    p = one()
    site = p.site("many")
    check(lost(p) == 0, "lost", p.losses)
    check(site["alloc_objects"] == 100_000, "calls", site, ran.out)


@item("21")
def the_allocator_that_was_there():
    if not os.path.exists(JEMALLOC):
        without("no libjemalloc.so.2")
    exe = compile_c("agree", r"""
        #include <malloc.h>
        #include <stdio.h>
        #include <stdlib.h>
        int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));
        int main(void)
        {
            void *p[6] = { malloc(100), calloc(5, 30), memalign(64, 100), aligned_alloc(64, 128),
                           valloc(5), realloc(malloc(5), 5000) };
            unsigned long now = 0, then = 0;
            size_t len = sizeof(now);
            if (mallctl) mallctl("thread.allocated", &now, &len, NULL, 0);
            for (int i = 0; i < 6; i++) printf("%zu\n", malloc_usable_size(p[i]));
            for (int i = 0; i < 6; i++) free(p[i]);
            free(malloc(1 << 20));
            void *volatile big = malloc(1 << 20);
            if (mallctl) mallctl("thread.allocated", &then, &len, NULL, 0);
            printf("jemalloc %d counted %d\n", mallctl != NULL, then - now >= 1 << 20);
            free(big);
        }
        """)
    bare = run([exe], env={"LD_PRELOAD": JEMALLOC})
    check(b"jemalloc 1 counted 1" in bare.out, bare.out, bare.err)
    for order in ([LIB, JEMALLOC], [JEMALLOC, LIB]):
        env = dict(settings(out="t-%p", heap_bytes=1), LD_PRELOAD=":".join(map(str, order)))
        same(bare, run([exe], env=env), f"{order}:")


@item("22")
def the_program_defines_malloc():
    both([W / "w_own_malloc"], "an allocator of its own:", heap_bytes=1)
    library = pathlib.Path("/usr/lib/x86_64-linux-gnu/libjemalloc.a")
    if library.exists():
        exe = compile_c("static", r"""
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            int main(void)
            {
                for (int i = 0; i < 10000; i++)
                    free(realloc(strdup("x"), 100 + i));
                puts("static jemalloc");
            }
            """, str(library), "-lm", "-lstdc++", "-lpthread", "-ldl")
        both([exe], "jemalloc linked in:", heap_bytes=1, out="linked-%p")
    records()
    for out in ["trace-*"] + ["linked-*"] * library.exists():
        p = one(out)
        check("the program defines malloc" in json.dumps(p.raw["engines"]), p.raw["engines"])


@item("23")
def blocks_have_no_header():
    every("every usable byte written:", "usable")


@item("24")
def the_caller_is_the_leaf():
    text = r"""
        #include <stdlib.h>
        void *volatile to;
        #define FRAME __attribute__((noinline, noipa))
        FRAME void *makes(size_t n) { void *p = malloc(n); to = p; return p; }
        FRAME void *makes_in_a_tail(size_t n) { return malloc(n); }
        int main(void)
        {
            for (int i = 0; i < 50; i++) { free(makes(100)); free(makes_in_a_tail(100)); }
            return 0;
        }
        """
    for flags in (["-O0"], ["-O1"], ["-O2"], ["-O3"], ["-O2", "-flto"]):
        name = "leaf" + "".join(flags)
        both([compile_c(name, text, *flags)], f"{flags}:", heap_bytes=1, out=f"trace-{name}")
    records()
    for trace in HOME.glob("trace-leaf*"):
        p = Profile(trace)
        leaves = {}
        for _, stack, row in p.rows("heap"):
            leaves[stack[-1]] = leaves.get(stack[-1], 0) + row["alloc_objects"]
        check(leaves.get("makes") == 50, trace.name, leaves)
        # a call that became a jump has its caller's caller as the one that calls
        check(leaves.get("makes_in_a_tail", 0) + leaves.get("main", 0) == 50, trace.name, leaves)


@item("25")
def relocated_pages_stay_read_only():
    both([STACK, "ranges"], "pages made read-only after relocation:")
    shape()
    headers = run(["readelf", "-lW", LIB]).out.decode()
    check("GNU_RELRO" in headers and "RWE" not in headers, headers)


@item("26")
def dlopen_by_the_callers_path():
    compile_c("x/liba.so", "int a(void) { return 3; }", "-shared", "-fPIC")
    exe = compile_c("opens", r"""
        #include <dlfcn.h>
        #include <stdio.h>
        int main(void)
        {
            void *lib = dlopen("liba.so", RTLD_NOW);
            int (*a)(void) = lib ? (int (*)(void))dlsym(lib, "a") : 0;
            printf("%s %d\n", lib ? "opened" : dlerror(), a ? a() : -1);
        }
        """, "-Wl,-rpath,$ORIGIN/x", "-Wl,--enable-new-dtags")
    ran = both([exe], "RUNPATH $ORIGIN/x:", heap_bytes=1)
    check(ran.out == b"opened 3\n", ran.out)


@item("27")
def plugins_that_see_another_malloc():
    plugin = compile_c("plugin.so", r"""
        #include <stdlib.h>
        #include <string.h>
        void *plugin_makes(size_t n) { return malloc(n); }
        void *plugin_grows(void *p, size_t n) { return realloc(p, n); }
        void plugin_frees(void *p) { free(p); }
        """, "-shared", "-fPIC")
    exe = compile_c("host", r"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdio.h>
        #include <stdlib.h>
        int main(int argc, char **argv)
        {
            void *lib = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
            void *(*makes)(size_t) = dlsym(lib, "plugin_makes");
            void *(*grows)(void *, size_t) = dlsym(lib, "plugin_grows");
            void (*frees)(void *) = dlsym(lib, "plugin_frees");
            for (int i = 0; i < 3000; i++) {
                free(makes(i));
                frees(malloc(i));
                free(grows(malloc(10), i + 1));
                frees(realloc(makes(10), i + 1));
                frees(grows(makes(5), 5000));
            }
            void *other = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
            makes = dlsym(other, "plugin_makes"), frees = dlsym(other, "plugin_frees");
            for (int i = 0; i < 3000; i++) frees(makes(i));
            printf("done %d\n", other != NULL);
        }
        """)
    both([exe, plugin], "a plugin opened with RTLD_DEEPBIND:", heap_bytes=1)
    records()
    # A block of ours freed behind our back, at an address that is ours again: the
    # old one is taken to be freed then, and no address is alive twice.
    site = one().site("main")
    check(site["inuse_objects"] < 3000, "phantoms", site)


main()
