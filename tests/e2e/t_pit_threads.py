#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checklist's parts C, F and G: thread-local state, locks, signals,
threads, processes, descriptors and ends, in small; tests/storms has them under
load.

limit: 150
"""
import itertools

from pitfalls import *

HEAP, CALLS, STACK = W / "w_pit_heap", W / "w_pit_calls", W / "w_pit_stack"


def calls(mode, engines=ENGINES, **more):
    for engine in engines:
        both([CALLS, mode], f"{mode} under {engine}:", out=f"{mode}-{engine}-%p",
             **dict(dict(cpu=engine, cpu_hz=999, heap_bytes=1), **more))


@item("28")
def thread_local_storage():
    shape()
    tls = [line.split() for line in run(["readelf", "-lW", LIB]).out.decode().splitlines()
           if line.strip().startswith("TLS ")]
    check(len(tls) <= 1 and all(int(t[5], 16) <= 64 for t in tls), "TLS segment", tls)
    check(b"__tls_get_addr" not in run(["readelf", "-sW", LIB]).out, "imports __tls_get_addr")


@item("29", "62")
def destructors_cancellation_and_the_smallest_stacks():
    for engine in ENGINES:
        both([W / "w_cancel"], f"under {engine}:", cpu=engine, cpu_hz=999, heap_bytes=1,
             out=engine)
    both([W / "w_first_alloc"], "destructors of the program:", heap_bytes=1, out="late")
    records()
    check(Profile("late").process["state"] == "exit", "end")


@item("62")
def short_threads_on_small_stacks():
    calls("detached")


@item("31")
def every_library_call_of_ours_allocates():
    plugin = W / "p_reenter.so"
    for command in ([STACK, "attributes"], [W / "w_cancel"], [W / "w_errno", 200]):
        bare = run(command, env={"LD_PRELOAD": plugin})
        check(bare.status == 0, "the plugin itself:", bare.err)
        for engine in ENGINES:
            ran = run(command, env=preload(out="t-%p", heap_bytes=1, cpu=engine, extra=[plugin]))
            same(bare, ran, f"{command[0].name} under {engine}:")
            env = dict(preload(out="u-%p", heap_bytes=1, cpu=engine),
                       LD_PRELOAD=f"{plugin}:{LIB}")
            same(bare, run(command, env=env), f"{command[0].name} under {engine}, behind it:")


@item("32")
def no_hook_reads_a_file():
    needs("strace")
    trace = ["strace", "-f", "-qq", "-e", "trace=open,openat,read", "-o"]
    bare = run([*trace, "bare", W / "w_cancel"])
    if bare.status:
        without("strace: " + bare.err.decode()[:100])
    ran = run([*trace, "ours", *words([W / "w_cancel"], env=preload(out="t", heap_bytes=1))])
    check(ran.status == 0, ran.status, ran.err)

    def opened(name):
        """Files that the program's threads open once it has started, the writer's
        left out: it is the one that makes the trace."""
        lines = [line.split(None, 1) for line in (HOME / name).read_text().splitlines()]
        writers = {tid for tid, call in lines if "segment-" in call or "/trace" in call}
        main = lines[0][0]
        return sorted(call for tid, call in lines if "/proc/" in call and "open" in call
                      and tid not in writers - {main})

    more = [call for call in opened("ours") if call not in opened("bare")]
    # the constructor's own, before main, are few and fixed; none comes with a thread
    check(not [c for c in more if "/maps" in c], "opened in the program's threads:", more)


@item("33")
def stdio_locked_by_another_thread():
    both([HEAP, "locked"], "stdout and stderr locked:", heap_bytes=1)


@item("34")
def many_threads_at_once():
    calls("many")
    shape()
    needs("objdump")
    text = run(["objdump", "-d", "--no-show-raw-insn", LIB]).out.decode()
    for name in ("malloc", "free", "calloc", "realloc"):
        body = re.search(rf"<{name}>:\n(.*?)\n\n", text, re.S)
        check(body, "no function", name)
        found = re.findall(r".*(?:\block\b|\bcmpxchg|mutex|futex).*", body[1])
        check(not found, name, "takes a lock on its fast path:", found)


@item("35", "37")
def the_loaders_lock_is_held_meanwhile():
    for engine in ENGINES:
        both([STACK, "held"], f"under {engine}:", out=f"t-{engine}", cpu=engine, cpu_hz=2000,
             heap_bytes=1)
    records()
    for engine in ENGINES:
        p = Profile(f"t-{engine}")
        check(p.count(lambda s: "computes" in s and is_sampled(s)) > 10, engine, "no samples")


@item("36")
def an_allocator_that_maps_each_block():
    plugin = W / "p_mmap_malloc.so"
    exe = compile_c("maps", r"""
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        int main(void)
        {
            for (int i = 0; i < 2000; i++) {
                void *p = malloc(i + 1);
                munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
                free(realloc(p, 2 * i + 1));
            }
            puts("mapped");
        }
        """)
    bare = run([exe], env={"LD_PRELOAD": plugin})
    check(bare.status == 0, "the allocator itself:", bare.status, bare.err)
    for engine in ENGINES:
        ran = run([exe], env=preload(out=f"t-{engine}", heap_bytes=1, cpu=engine, extra=[plugin]))
        same(bare, ran, f"an allocator that maps, under {engine}:")
    records()
    site = Profile("t-perf").site("main")
    check(site["alloc_objects"] >= 4000 and site["inuse_objects"] <= 2, site)


@item("59")
def no_call_is_interrupted():
    ran = run([W / "w_signals"], env=preload(out="t", cpu="auto", cpu_hz=999))
    (eintr, _, arrived), = ran.rows("eintr")
    check(arrived == 1, "its own signals", ran.out)
    check(eintr <= 3, eintr, "calls interrupted")


@item("60")
def sigprof_is_the_programs():
    calls("restored")
    both([W / "w_fds"], "dispositions as the program sees them:", cpu="timer")


@item("61")
def threads_that_cannot_be_made():
    calls("refused", engines=["timer"])


@item("63")
def signals_find_the_programs_threads():
    calls("term")
    for options in (["-U"], ["-Ur"]):
        bare = run(["unshare", *options, "true"])
        if bare.status:
            without("unshare is not allowed here")
        same(bare, run(["unshare", *options, "true"], env=preload(out="t-%p")), f"{options}:")


@item("64")
def forks_beside_allocating_threads():
    calls("fork", heap_bytes=4096)


@item("65")
def vfork_exec_and_the_environment():
    calls("vfork")
    for trace in HOME.glob("vfork-timer-*"):
        refused = [e for e in Profile(trace).events if e["name"] == "timers"]
        check(not refused, "the timers of a vfork child, which has none:", refused)
    ran = [run(words([CALLS, "environment"], env=env)) for env in
           (dict(settings(x=1), LD_PRELOAD=LIB, HOME="/h", EMPTY=""),
            dict(LD_PRELOAD=LIB, HOME="/h", EMPTY=""))]
    bare = run(words([CALLS, "environment"], env=dict(HOME="/h", EMPTY="")))
    for r in ran:
        check(r.lines[0] == ["preloaded", "by", "/" + LIB.name], r.lines[:1])
        check(r.lines[1:] == bare.lines[1:], "environment", r.lines, "bare", bare.lines)
    for command in (["env", "-i", "/bin/echo", "x"], ["sh", "-c", "exec env -i /bin/echo x"],
                    ["python3", "-c", "import subprocess, os\n"
                     "print(subprocess.run(['/bin/echo', 'x'], env={}).returncode)\n"
                     "print(os.system('exit 3'), os.popen('echo y').read())"]):
        both(command, f"{command[:3]}:", heap_bytes=4096)


@item("52")
def few_descriptors():
    for limit in ("64", "1024"):
        for engine in ENGINES:
            both([CALLS, "files"], f"{limit} descriptors:", cpu=engine,
                 before=["prlimit", f"--nofile={limit}", "--"])


@item("66")
def descriptors():
    both([CALLS, "files"], "numbers of files:")
    both([W / "w_closefds", 300], "all closed every 10 ms:")
    exe = compile_c("numbers", r"""
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(void)
        {
            for (int i = 0; i < 1000; i++) {
                int fd = open("/dev/null", O_RDONLY);
                printf("%d\n", fd);
                free(malloc(i));
                if (i % 3 == 0)
                    close(fd);
                if (i % 100 == 0)
                    usleep(20000);
            }
        }
        """)
    for engine in ENGINES:
        ran = both([exe], f"1000 files under {engine}:", heap_bytes=1, cpu=engine, cpu_hz=999,
                   out=f"n-{engine}")
        check(ran.status == 0 and len(ran.lines) == 1000, ran.status, ran.lines[-1:])


@item("38")
def descriptors_closed_and_used_again():
    calls("reopened")
    records()
    p = one("reopened-perf-*")
    check(p.site("reopened")["alloc_objects"] == 5000, p.site("reopened"))


@item("67")
def files_of_a_limited_size():
    """More events than fit: SIGXFSZ is not for the program to get."""
    limit = ["prlimit", "--fsize=20000", "--"]
    bare = run([*limit, HEAP, "many"])
    ran = run([*limit, *words([HEAP, "many"], env=preload(out="cut", heap_bytes=1))])
    check((ran.status, ran.out) == (bare.status, bare.out), ran.status, ran.err)
    check(re.fullmatch(rb"(libprof: \d+ bytes could not be written to .*\n)?", ran.err), ran.err)
    script = "mkdir -m 700 gone; cd gone; rmdir ../gone; umask 777; exec \"$0\" many"
    bare = run(["sh", "-c", script, HEAP])
    ran = run(["sh", "-c", script, HEAP], env=preload(out=HOME / "t-%p", heap_bytes=1))
    same(bare, ran, "from a directory that is gone, umask 777:")
    records()
    for trace in HOME.glob("t-*"):
        prof("check", trace)


@item("68")
def ends_with_a_thread_running():
    """The end of the trace is waited for, 100 ms by _exit and 200 by exit: a machine with ten
    others to run may not give the writer its CPU by then."""
    ends = list(itertools.product(("left", "under"), ENGINES))

    def end(tried, mode, engine):
        both([CALLS, mode], f"{mode} under {engine}:", out=f"{mode}-{engine}-{tried}",
             cpu=engine, cpu_hz=999, heap_bytes=1)

    for which in ends:
        end(0, *which)
    records()
    late = [which for which in ends if one("-".join(which) + "-0").process["state"] != "exit"]
    check(len(late) < 3, "no end", late)
    for which in late:
        end(1, *which)
        end(2, *which)
        states = [one("-".join(which) + f"-{tried}").process["state"] for tried in (1, 2)]
        check("exit" in states, which, states)


@item("71", "72", "77")
def main_leaves_first():
    for engine in ENGINES:
        bare = run([W / "w_pthread_exit"])
        ran = run([W / "w_pthread_exit"], env=preload(out=f"t-{engine}", cpu=engine))
        kept = [[line for line in r.lines if line[:1] != ["worker"]] for r in (bare, ran)]
        check((ran.status, ran.err) == (bare.status, bare.err), ran.status, ran.err)
        check(kept[0] == kept[1], "output:", ran.out[-300:])
        check(len(ran.rows("worker")) == 1, "the worker's line")
    records()
    for engine in ENGINES:
        check(Profile(f"t-{engine}").process["state"] == "exit", engine)


@item("77")
def a_library_opened_after_main_has_gone():
    exe = compile_c("opens", r"""
        #include <dlfcn.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>
        static char *path;
        static pthread_t first;
        static void *body(void *unused)
        {
            pthread_join(first, NULL);
            usleep(100000);
            void *lib = dlopen(path, RTLD_NOW);
            void (*work)(unsigned long) = lib ? dlsym(lib, "plugin_work") : 0;
            if (work) work(150000000);
            puts(work ? "worked" : "nothing opened");
            return unused;
        }
        int main(int argc, char **argv)
        {
            pthread_t id;
            path = argv[1], first = pthread_self();
            pthread_create(&id, NULL, body, NULL);
            pthread_detach(id);
            pthread_exit(NULL);
        }
        """)
    for engine in ENGINES:
        both([exe, W / "p_alpha.so"], f"under {engine}:", cpu=engine, cpu_hz=999, out=f"t-{engine}")
    records()
    for engine in ENGINES:
        p = Profile(f"t-{engine}")
        named = p.count(lambda s: "alpha_inner" in s)
        check(named > 10, engine, {s[-3:] for _, s, _, _ in p.stacks()})


@item("73")
def ids_change_in_two_threads():
    calls("setuid")


@item("75")
def namespaces_are_entered_later():
    bare = run([CALLS, "namespaces"])
    if b"unshare 0" not in bare.out:
        without("unshare is not allowed here")
    calls("namespaces")


@item("79")
def threads_of_other_makings():
    calls("thrd")
    records()
    p = one("thrd-perf-*")
    check(all(t["name"] for t in p.threads), "names", [t["name"] for t in p.threads])
    site = p.site("allocates")
    check(site["alloc_objects"] >= 6 * 2000 - sum(p.losses.values()), "of those threads", site)


main()
