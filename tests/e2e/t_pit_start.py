#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checklist's part A: the first calls of a process, and every odd way to
start one.

limit: 120
"""
from pitfalls import *

EARLY = W / "p_early.so"
LOADER = "/lib64/ld-linux-x86-64.so.2"
# An /etc of the namespace's own, with $1 in its ld.so.preload.
LD_SO_PRELOAD = """
    rm -rf etc && mkdir etc && cp -a /etc/passwd /etc/group /etc/ld.so.cache etc/ || exit 77
    mount --bind etc /etc && echo "$1" > /etc/ld.so.preload || exit 77
    """


def early(kind, *order, **values):
    """A first allocation by kind, of a library preloaded before or behind ours."""
    bare = run([W / "w_mini", 4], env={"LD_PRELOAD": EARLY, "EARLY": kind})
    env = dict(settings(**dict(dict(out="t-%p", heap_bytes=1, cpu="off"), **values)), EARLY=kind,
               LD_PRELOAD=":".join(map(str, order)))
    same(bare, run([W / "w_mini", 4], env=env), f"{kind}, preloaded {[p.name for p in order]}:")


@item("1")
def dlsym_and_calloc_before_us():
    early("dlsym", LIB, EARLY)
    early("dlsym", EARLY, LIB)


@item("2")
def a_block_from_before_us_lives_on():
    for kind in ("calloc", "malloc"):
        early(kind, LIB, EARLY)  # grows it, asks its size, frees it in its destructor
    same(run([W / "w_first_alloc"]), run([W / "w_first_alloc"], env=preload(out="f", heap_bytes=1)))


@item("3")
def the_first_call_is_an_aligned_one():
    for kind in ("memalign", "aligned_alloc", "posix_memalign", "valloc", "realloc", "free",
                 "usable"):
        early(kind, LIB, EARLY)


@item("4")
def malloc_before_our_constructor():
    for order in ([LIB, EARLY], [EARLY, LIB]):
        early("calloc", *order)
        early("malloc", *order)
    records()
    for trace in traces(HOME):
        prof("check", trace)
    check(len(traces(HOME)) == 4, "traces", traces(HOME))


@item("5")
def the_program_has_its_own_getenv():
    exe = compile_c("getenv", r"""
        #include <stdio.h>
        #include <stdlib.h>
        static int ready;
        #define OURS { if (!ready) __builtin_trap(); (void)name; return 0; }
        char *getenv(const char *name) OURS
        char *secure_getenv(const char *name) OURS
        int setenv(const char *name, const char *value, int over) { (void)value, (void)over; OURS }
        int unsetenv(const char *name) OURS
        int main(void) { ready = 1; puts(getenv("X") ? "set" : "not set"); return 3; }
        """, "-rdynamic", "-fno-builtin")
    both([exe], "an executable with a getenv that is not ready:")
    both(["bash", "-c", "x=1; echo $x; export y=2; test $y = 2"], "bash:")


@item("6")
def twice_and_around_another_allocator():
    shutil.copy(LIB, HOME / "second.so")
    orders = [[LIB, LIB], [LIB, HOME / "second.so"]]
    if os.path.exists(JEMALLOC):
        orders += [[LIB, JEMALLOC], [JEMALLOC, LIB]]
    for order in orders:
        env = dict(settings(out="t-%p", heap_bytes=1), LD_PRELOAD=":".join(map(str, order)))
        alone = {"LD_PRELOAD": JEMALLOC} if JEMALLOC in order else None
        same(run([W / "w_errno", 500], env=alone), run([W / "w_errno", 500], env=env), f"{order}:")


@item("6")
def ld_so_preload_in_a_namespace_of_its_own():
    if not ROOT:
        without("needs root")
    script = LD_SO_PRELOAD + '"$2" 500'
    ran = run(["unshare", "-m", "sh", "-c", script, "sh", LIB, W / "w_errno"],
              env=settings(out=HOME / "t-%p", heap_bytes=1))
    if ran.status == 77:
        without("no mount namespace")
    same(run([W / "w_errno", 500]), ran, "/etc/ld.so.preload:")
    records()
    check(traces(HOME), "no trace")


@item("7")
def no_symbol_newer_than_the_c_library_here():
    needs("objdump")
    shape()
    names = run(["objdump", "-T", LIB]).out.decode()
    used = {tuple(map(int, v.split("."))) for v in re.findall(r"GLIBC_([\d.]+)", names)}
    # dlsym, pthread_create and their kin moved into libc.so with 2.34: built here, that is
    # the newest there may be; built on 2.31 there is nothing beyond 2.31
    check(used and max(used) <= (2, 34), "needs", max(used))
    stat = run(["readelf", "-d", LIB]).out.decode()
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", stat))
    check(needed <= {"libc.so.6", "ld-linux-x86-64.so.2", "libdl.so.2", "libpthread.so.0"},
          "needs libraries", needed)


@item("8")
def musl():
    needs("musl-gcc")
    exe = compile_c("musl", """
        #include <stdio.h>
        #include <stdlib.h>
        int main(void) { printf("%d\\n", malloc(10) != NULL); return 5; }
        """, compiler="musl-gcc")
    check(run([exe]).status == 5, "musl does not work here")
    # A library made for glibc is refused by musl's loader, by name, before anything
    # runs; `prof run` says it in plain words and leaves the program alone.
    ran = run([exe], env=preload(out="t"))
    check(ran.status in (5, 127), "status", ran.status, ran.err)
    check(ran.status == 5 or b"symbol not found" in ran.err, ran.err)
    refused = run([PROF, "run", exe])
    check(refused.status == 125 and b"Traceback" not in refused.err and refused.err, refused.err)


def malformed():
    for name in ("CPU", "HEAP"):
        for value in ("", "on", "1", "auto,perf", "\x01"):
            yield name, value
    for name in ("CPU_HZ", "STACK_BYTES", "HEAP_BYTES", "HEAP_HZ", "SEED", "DELAY_MS",
                 "FLUSH_MS", "SEGMENT_BYTES", "LIMIT_BYTES", "CHILDREN", "VERBOSE"):
        for value in ("", "-1", "9" * 30, "1x"):
            yield name, value
    yield "OUT", ""
    yield "OUT", "%z"
    yield "OUT", "x" * 5000


@item("9")
def fifty_malformed_settings():
    tried = list(malformed())
    check(len(tried) >= 50, len(tried))
    bare = run([W / "w_mini", 6])
    for name, value in tried:
        ran = run([W / "w_mini", 6], env=dict(preload(out="t-%p"), **{"LIBPROF_" + name: value}))
        check((ran.status, ran.out) == (bare.status, bare.out), name, repr(value)[:40], ran.status,
              ran.err)
        lines = ran.err.splitlines()
        check(len(lines) <= 1 and all(name.encode() in line for line in lines), name, value,
              ran.err)


@item("10")
def raised_rights_by_ld_so_preload():
    """A set-uid program drops LD_PRELOAD, but not /etc/ld.so.preload."""
    if not ROOT:
        without("needs root")
    nobody = User("nobody")
    exe = compile_c("raised", """
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/auxv.h>
        int main(void)
        {
            free(malloc(9));
            printf("secure %d\\n", getauxval(AT_SECURE) != 0);
            return 5;
        }
        """)
    exe = nobody.file(exe)
    os.chmod(exe, 0o4755)
    nobody.home.chmod(0o777)
    for uid, secure in ((65534, b"secure 1\n"), (0, b"secure 0\n")):
        out = nobody.home / f"raised-{uid}"
        script = LD_SO_PRELOAD + '''cd "${2%/*}" && \\
            exec setpriv --reuid=$3 --clear-groups env LIBPROF_OUT=$4 "$2"'''
        ran = run(["unshare", "-m", "sh", "-c", script, "sh", nobody.file(LIB), exe, uid,
                   out], env=settings(programs="raised"))
        if ran.status == 77:
            without("no mount namespace")
        check((ran.status, ran.out, ran.err) == (5, secure, b""), uid, ran.status, ran.out, ran.err)
        check(out.exists() == (uid == 0), f"{uid}: the set-uid program wrote", out.exists())


@item("11")
def every_way_to_load():
    env = preload(out="t-%p")
    for command in (["ldd", W / "w_mini"], [LOADER, "--list", W / "w_mini"],
                    [LOADER, "--verify", W / "w_mini"]):
        check(run(command, env=env).status == run(command).status, command)
    both([LOADER, W / "w_mini", 4], "by the loader:")
    both([W / "w_errno", 50], "LD_BIND_NOW:", env={"LD_BIND_NOW": "1"})
    for flags in (["-static-pie"], ["-static"], ["-no-pie"], ["-Wl,-z,now,-z,relro"]):
        exe = compile_c("exe", "int main(void) { return 7; }", *flags)
        both([exe], f"{flags}:")
    audit = compile_c("audit.so", """
        unsigned la_version(unsigned v) { return v; }
        """, "-shared", "-fPIC")
    both([W / "w_errno", 50], "LD_AUDIT:", env={"LD_AUDIT": audit})
    records()
    check(len(traces(HOME)) >= 5, "traces", traces(HOME))


main()
