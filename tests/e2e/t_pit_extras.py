#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checklist's surroundings: locked and huge pages, strict seccomp, a time
namespace, and the table of it all, tests/PITFALLS.md.

limit: 90
"""
from pitfalls import *


@item("mlockall")
def all_memory_to_come_is_locked():
    exe = compile_c("locks", r"""
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        static void *body(void *unused)
        {
            for (int i = 0; i < 200; i++) {
                void *p = malloc(10000);
                if (!p) abort();
                memset(p, 1, 10000);
                free(p);
            }
            return unused;
        }
        int main(void)
        {
            pthread_attr_t attr;
            pthread_t id;
            int failed = 0, locked = mlockall(MCL_FUTURE);
            pthread_attr_init(&attr);
            pthread_attr_setstacksize(&attr, 1 << 20);
            for (int i = 0; i < 20; i++) {
                if (pthread_create(&id, &attr, body, NULL)) failed++;
                else pthread_join(id, NULL);
            }
            printf("locked %d failed %d\n", locked, failed);
        }
        """)
    for user in users():
        for limit in (["--memlock=16777216"] if user.prefix else ["--memlock=unlimited"]):
            file = user.file(exe)
            before = ["prlimit", limit, "--"]
            bare = run([*before, file], user)
            for engine in ENGINES:
                env = preload(user, out=f"t-{engine}", cpu=engine, heap_bytes=1)
                same(bare, run([*before, *words([file], env=env)], user),
                     f"{engine} as {user.name}:")


@item("RLIMIT_AS")
def little_address_space():
    for limit in ("300000000", "60000000", "30000000"):
        before = ["prlimit", f"--as={limit}", "--"]
        bare = run([*before, W / "w_pit_heap", "many"])
        ran = run([*before, *words([W / "w_pit_heap", "many"], env=preload(out="t-%p"))])
        check((ran.status, ran.out) == (bare.status, bare.out), limit, ran.status, ran.err)
        check(len(ran.err.splitlines()) <= len(bare.err.splitlines()) + 1, limit, ran.err)


@item("huge pages")
def huge_pages():
    for tunable in ("glibc.malloc.hugetlb=1", "glibc.malloc.hugetlb=2"):
        both([W / "w_pit_heap", "usable"], f"{tunable}:", heap_bytes=1,
             env={"GLIBC_TUNABLES": tunable})


@item("seccomp strict")
def strict_seccomp_after_the_start():
    exe = compile_c("strict", r"""
        #define _GNU_SOURCE
        #include <linux/seccomp.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(void)
        {
            free(malloc(100000));
            for (int i = 0; i < 1000; i++) free(malloc(i));
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) return 9;
            for (int i = 0; i < 1000; i++) {
                void *volatile p = malloc(i);
                free(p);
            }
            if (write(1, "still here\n", 11) != 11) return 8;
            syscall(SYS_exit, 4); /* all that is allowed: this thread is the last */
        }
        """)
    for engine in ENGINES:
        ran = both([exe], f"under {engine}:", cpu=engine, cpu_hz=999, heap_bytes=1,
                   out=f"t-{engine}")
        check((ran.status, ran.out) == (4, b"still here\n"), ran.status, ran.out)
    records()
    for engine in ENGINES:
        prof("check", f"t-{engine}")
        check(Profile(f"t-{engine}").site("main")["alloc_objects"] >= 1000, engine)


@item("time namespace", "58")
def another_time():
    enter = ["unshare", "-T", "--monotonic", "1000000", "--boottime", "1000000"]
    if run([*enter, "true"]).status:
        without("no time namespace")
    for engine in ENGINES:
        both([W / "w_mini", 3], f"under {engine}:", before=enter, cpu=engine, out=f"m-{engine}")
        ran = run([*enter, *words([W / "w_threads", 200], env=preload(
            out=f"t-{engine}", cpu=engine, cpu_hz=999, heap_bytes=1))])
        check((ran.status, ran.err) == (0, b""), engine, ran.status, ran.err)
        records()
        p = Profile(f"t-{engine}")
        for tid, name, cpu_ns in ran.rows("thread")[:-1]:  # main comes last
            check(p.thread(tid)["name"] == name, engine, "thread", tid)
            near(p.thread(tid)["cpu_ns"], cpu_ns, 0.05, f"{engine} cpu of {name}", 3_000_000)
        lines = prof("json", "--lines", f"t-{engine}").splitlines()
        times = [json.loads(line)["t_ns"] for line in lines]
        check(times and max(times) < 30e9, engine, "seconds into the run:", max(times) / 1e9)
        check(p.count(is_sampled) > 50, engine, "samples", p.count(is_sampled))


EXTRAS = ("sanitizers", "mlockall", "RLIMIT_AS", "huge pages", "seccomp strict", "runtimes",
          "time namespace", "gVisor")


@item("table")
def the_table_is_whole():
    text = (SRC / "tests/PITFALLS.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if re.match(r"\| (\d+|[a-zA-Z]\w*( \w+)?) \|", line)]
    rows = [r for r in rows if r[0] != "item"]
    named = [r[0] for r in rows]
    check(named == [str(n) for n in range(1, 81)] + list(EXTRAS), "items of the table:", named)
    cases = {}
    for script in (SRC / "tests/e2e").glob("t_pit_*.py"):
        for marks, case in re.findall(r"@item\((.*?)\)\ndef (\w+)", script.read_text()):
            for name in re.findall(r'"([^"]+)"', marks):
                cases.setdefault(name, set()).add(case)
    for row in rows:
        name, _, test, state, naive = row
        check(state in ("tested", "in part", "does not apply"), name, "state", state)
        for path in re.findall(r"\b((?:e2e|storms|faults|oracle|unit|truth)/\w+)", test):
            found = {f.suffix for f in (SRC / "tests").glob(path + ".*")}
            check(found & {".py", ".sh", ".c"}, name, "names a test that is not there:", path)
        check(naive in ("program", "shape", "records", "passes", ""), name, naive)
        for case in cases.get(name, ()):
            check(case in test, name, "does not name its case", case)
        for case in re.findall(r"`(\w+)`", test):
            check(case in cases.get(name, ()), name, "names a case that is not its own:", case)
    check(set(cases) - {"table"} <= set(named), "cases without a row:", set(cases) - set(named))


main()
