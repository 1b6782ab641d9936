#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plugins opened and closed in turn, often at the same address: each one's CPU
time and memory carry its own names, never its twin's.

Of some 170 stacks of a plugin without a name up to 4 % are not through it (the loader's); 20 %
are by chance with a probability of 1e-15.

false: 1e-14
"""
from pitfalls import compile_c
from lib import *

for engine in ENGINES:
    ran, trace = work("w_dlopen", 15, 25, out=engine, cpu=engine, cpu_hz=499, heap_bytes=1)
    p = Profile(trace)
    check_whole(p, what=engine)
    check(ran.rows("reused")[0][0] > 3, "the plugins never shared an address: nothing is tested")
    truth = dict(ran.rows("plugin"))
    got = {name: p.cpu(name) for name in truth}
    for name, cpu_ns in truth.items():
        near(got[name], cpu_ns, 0.15, f"{engine} cpu of {name}")
    for _, stack, _, _ in p.stacks():
        check(not {"alpha_inner", "beta_inner"} <= set(stack), engine, "both plugins in one stack:",
              stack)
    modules = {m["path"].rsplit("/", 1)[-1] for m in p.raw["modules"]}
    check({"p_alpha.so", "p_beta.so"} <= modules, engine, "modules:", modules)
    sizes = {1000: 0, 3000: 0}
    for _, stack, row in p.rows("heap"):
        if "plugin_work" in stack:
            sizes[row["alloc_space"] // row["alloc_objects"]] += row["alloc_objects"]
    check(sizes == {1000: 0, 3000: 15} or sizes[3000] == 15, engine, "allocations of the plugins:",
          sizes)

# Without perf the thread that closes a library tells of it, and may have to wait for a CPU before
# it does (60 ms here, in which the writer looks twice): what was recorded in the library waits.
ran = run([W / "w_dlopen", 12, 15], env=preload(out="slow", cpu="timer", cpu_hz=499, heap_bytes=1,
                                                flush_ms=25, extra=[W / "p_slow_close.so"]))
check(ran.status == 0 and ran.rows("reused")[0][0] > 3, ran.status, ran.out, ran.err)
p = Profile("slow")
for name, cpu_ns in ran.rows("plugin"):
    near(p.cpu(name), cpu_ns, 0.3, f"closed slowly: cpu of {name}")

# Where the numbers that perf has of a file are not those of /proc (overlayfs, btrfs), and where a
# file has no path at all: the stacks through it are whole, and loading it again and again does
# not make the process grow.
plugin = compile_c("plugin.so", r"""
    #include <time.h>
    const char large[] = { [1 << 19] = 1 };
    __attribute__((noinline)) void plugin_inner(long long ns)
    {
        struct timespec t;
        long long until = 0;
        do {
            for (volatile int i = 0; i < 10000; i++)
                ;
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
            until = until ? until : t.tv_sec * 1000000000LL + t.tv_nsec + ns;
        } while (t.tv_sec * 1000000000LL + t.tv_nsec < until);
        __asm__("");
    }
    __attribute__((noinline)) void plugin_outer(long long ns)
    {
        volatile char room[300] = "";
        plugin_inner(ns + room[0]);
        __asm__("");
    }
    """, "-shared", "-fPIC", "-O2", "-fomit-frame-pointer")
loads = compile_c("loads.exe", r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <fcntl.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/sendfile.h>
    #include <unistd.h>
    static long vsize_kib(void)
    {
        char line[200];
        long n = -1;
        FILE *f = fopen("/proc/self/status", "r");
        while (fgets(line, sizeof(line), f))
            sscanf(line, "VmSize: %ld", &n);
        fclose(f);
        return n;
    }
    static void load(const char *path, long long ns)
    {
        void *lib = dlopen(path, RTLD_NOW);
        void (*run)(long long) = lib ? (void (*)(long long))dlsym(lib, "plugin_outer") : 0;
        if (!run) {
            puts(dlerror());
            exit(9);
        }
        run(ns);
        dlclose(lib);
    }
    int main(int argc, char **argv)
    {
        long before = 0;
        for (int i = 0; i < 120; i++) {
            char path[100];
            int from = open(argv[argc - 1], O_RDONLY), fd = from;
            if (argc > 2) {
                fd = memfd_create("plugin", 0);
                sendfile(fd, from, 0, 1 << 24);
            }
            snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
            load(argc > 2 ? path : argv[1], i ? 12000000 : 400000000);
            close(from);
            close(fd);
            before = i == 20 ? vsize_kib() : before;
        }
        fprintf(stderr, "%ld\n", vsize_kib() - before);
        return 0;
    }
    """, "-ldl")
OVERLAY = """cd "$1" && mount -t tmpfs none over && cd over && mkdir lower upper work merged &&
    cp ../plugin.so lower && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged ||
    exit 77
    shift && exec "$@" """
(HOME / "over").mkdir()
for place, before, args in (("file", [], [plugin]), ("memfd", [], ["memfd", plugin]),
                            ("overlay", ["unshare", "-m", "sh", "-c", OVERLAY, "sh", HOME],
                             [HOME / "over/merged/plugin.so"])):
    ran = run([*map(str, before), *words([loads, *args], env=preload(out=HOME / f"loads-{place}",
                                                            cpu="perf"))])
    if ran.status == 77 and before:
        note("no overlay file system here")
        continue
    check(ran.status == 0, place, ran.status, ran.out, ran.err)
    prof("check", f"loads-{place}")
    p = Profile(f"loads-{place}")
    named = place == "file"  # nobody can read the others later
    inner = p.count(lambda s: is_sampled(s) and ("plugin_inner" in s or not named))
    whole = p.count(lambda s: is_sampled(s) and is_whole(s) and "main" in s and
                    ({"plugin_inner", "plugin_outer"} <= set(s) or not named))
    note(place, whole, "of", inner, "whole; grown by", ran.err, "KiB")
    check(inner > 20 and whole > 0.8 * inner, place, whole, "of", inner, "stacks in the plugin are whole")
    check(int(ran.err) < 3000, place, "100 loads made the process grow by", ran.err, "KiB")
