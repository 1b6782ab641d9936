#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that the library stands before do what they do without it, where that is easily
missed: operators of plugins, while a constructor of theirs waits; dlerror; _Fork in a handler;
another library's setuid; arguments that libc refuses by itself; the signal mask after a
jump and after vfork.

limit: 120
"""
from pitfalls import compile_c
from lib import *


def same_as_bare(what, command, env=(), timeout=20, **values):
    """Bare, and under both engines: status and output."""
    bare = run(["env", *env, *words(command)], timeout=timeout)
    for engine in ENGINES:
        mine = preload(out=f"{what}-{engine}-%p", cpu=engine, heap_bytes=1, **values)
        given = dict(e.split("=", 1) for e in env)
        if "LD_PRELOAD" in given:
            mine["LD_PRELOAD"] += ":" + given["LD_PRELOAD"]
        try:
            ran = run(words(command, env=mine), timeout=timeout)
        except subprocess.TimeoutExpired:
            fail(f"{what} hangs under {engine}")
        check((ran.status, ran.out) == (bare.status, bare.out), what, engine, ran.status, ran.out,
              ran.err[-300:], "bare", bare.status, bare.out, bare.err[-300:])
    return bare


HOST = r"""
    #include <dlfcn.h>
    #include <stdio.h>
    int main(int argc, char **argv)
    {
        for (int i = 1; i < argc; i++) {
            void *lib = dlopen(argv[i], RTLD_NOW);
            void (*go)(void) = lib ? (void (*)(void))dlsym(lib, "go") : 0;
            if (!lib) { puts(dlerror()); return 1; }
            if (go) go();
            if (argc > 2) dlclose(lib);
        }
        puts("ok");
        return 0;
    }
    """
host = compile_c("host.exe", HOST, "-ldl")

# A constructor that waits for a thread, whose first operator it is.
plug = compile_c("plug.so", r"""
    #include <thread>
    struct S { S() { std::thread([] {}).join(); } } s;
    """, "-x", "c++", "-shared", "-fPIC", "-pthread", compiler="g++")
check(same_as_bare("constructor", [host, plug]).out == b"ok\n", "the plugin does not work bare")

# What dlerror has to say, when the first operator comes between.
exe = compile_c("dlerror.exe", r"""
    #include <dlfcn.h>
    #include <stdio.h>
    #include <string>
    static void *o(std::string p)
    {
        p += "/a/name/that/is/longer/than/the/string/itself.so";
        return dlopen(p.c_str(), RTLD_NOW);
    }
    int main()
    {
        const char *said;
        if (!o("/x")) {
            said = dlerror();
            puts(said ? said : "nothing");
        }
    }
    """, "-x", "c++", "-ldl", compiler="g++")
same_as_bare("dlerror", [exe])

# An operator's address in a program that does not move is that of its own stub for it; and a
# wrapper in front, or in the program, asks for the next.
for flags in (("-fno-pie", "-no-pie"), ()):
    exe = compile_c("address.exe", r"""
        #include <memory>
        #include <new>
        #include <stdio.h>
        int main()
        {
            for (int i = 0; i < 100; i++)
                std::shared_ptr<void> p(::operator new(8), (void (*)(void *))::operator delete);
            delete new int(3);
            puts("done");
        }
        """, "-x", "c++", *flags, compiler="g++")
    check(same_as_bare("address" + "".join(flags), [exe]).out == b"done\n", "address")
wrapper = compile_c("wrapper.so", r"""
    #include <dlfcn.h>
    #include <stdlib.h>
    void *_Znwm(unsigned long n)
    {
        void *(*next)(unsigned long) = (void *(*)(unsigned long))dlsym(RTLD_NEXT, "_Znwm");
        return next ? next(n) : malloc(n);
    }
    void _ZdlPv(void *p)
    {
        void (*next)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "_ZdlPv");
        if (next) next(p); else free(p);
    }
    """, "-D_GNU_SOURCE", "-shared", "-fPIC", "-ldl")
for order in (f"{wrapper}:{LIB}", f"{LIB}:{wrapper}"):
    for program in (exe, host):
        ran = run(words([program], env=dict(preload(out="wrapped-%p"), LD_PRELOAD=order)), timeout=20)
        check(ran.status == 0, "a wrapper,", order, program, ran.status, ran.err[-300:])

# Plugins with operators of their own, one after the other.
for name, pad in (("a", 0), ("b", 5000)):
    compile_c(f"own-{name}.so", f"""
        #include <stdlib.h>
        #include <stdio.h>
        static char pad[{pad} + 1];
        int used_{name}(int i) {{ return pad[i % sizeof(pad)]; }}
        void *_Znwm(unsigned long n) {{ return malloc(n); }}
        void _ZdlPv(void *p) {{ free(p); }}
        void go(void) {{ for (int i = 0; i < 100; i++) _ZdlPv(_Znwm(8)); puts("{name}"); }}
        """, "-shared", "-fPIC")
same_as_bare("own-operators", [host, HOME / "own-a.so", HOME / "own-b.so", HOME / "own-a.so"])

# _Fork is for handlers: what was interrupted may hold the allocator's lock.
exe = compile_c("fork.exe", r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/time.h>
    #include <sys/wait.h>
    #include <unistd.h>
    static volatile int n, bad;
    static pid_t (*my_fork)(void);
    static void on(int sig)
    {
        int status = 0;
        pid_t pid = my_fork();
        (void)sig;
        if (!pid)
            _exit(3);
        if (waitpid(pid, &status, 0) != pid || status != 3 << 8)
            bad++;
        n++;
    }
    int main(void)
    {
        struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
        my_fork = (pid_t (*)(void))dlsym(RTLD_DEFAULT, "_Fork");
        if (!my_fork)
            return 0;
        signal(SIGALRM, on);
        setitimer(ITIMER_REAL, &often, 0);
        while (n < 300)
            free(malloc(5000)); /* from the arena, which is locked meanwhile */
        printf("%d\n", bad);
        return 0;
    }
    """, "-O0", "-fno-builtin", "-ldl")
same_as_bare("_Fork", [exe], timeout=40)

# Another library answers for setuid and its kin.
fake = compile_c("fake.so", r"""
    #include <grp.h>
    #include <unistd.h>
    int setgroups(size_t n, const gid_t *g) { (void)n; (void)g; return 77; }
    int setuid(uid_t id) { (void)id; return 78; }
    """, "-shared", "-fPIC")
exe = compile_c("setgroups.exe", r"""
    #define _GNU_SOURCE
    #include <errno.h>
    #include <grp.h>
    #include <stdio.h>
    #include <unistd.h>
    int main(void)
    {
        int groups = setgroups(0, 0), user = setuid(getuid()), e, g;
        errno = 0;
        e = seteuid(-1);
        printf("%d %d %d %d", groups, user, e, errno);
        errno = 0;
        g = setegid(-1);
        printf(" %d %d\n", g, errno);
        return 0;
    }
    """)
check(same_as_bare("another's setgroups", [exe], env=[f"LD_PRELOAD={fake}"]).out.startswith(b"77 78 "),
      "the other library is not asked, bare")
same_as_bare("setgroups", [exe])

# Capabilities that the program gives up, by libc's call or the bare one, nobody in it keeps.
exe = compile_c("caps.exe", r"""
    #define _GNU_SOURCE
    #include <dirent.h>
    #include <linux/capability.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    int capset(cap_user_header_t header, const cap_user_data_t data);
    static unsigned long long all_threads(const char *what)
    {
        unsigned long long any = 0, one;
        DIR *dir = opendir("/proc/self/task");
        struct dirent *e;
        char path[300], line[300];
        while ((e = readdir(dir))) {
            FILE *f;
            snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
            f = *e->d_name == '.' ? 0 : fopen(path, "r");
            while (f && fgets(line, sizeof(line), f))
                if (!strncmp(line, what, 6) && sscanf(line + 7, "%llx", &one) == 1)
                    any |= one;
            if (f)
                fclose(f);
        }
        closedir(dir);
        return any;
    }
    static int keep(unsigned caps, int bare)
    {
        struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct d[2] = { { caps, caps, 0 }, { 0, 0, 0 } };
        int result = bare ? (int)syscall(SYS_capset, &h, d) : capset(&h, d);
        printf(" %d %llx %llx", result, all_threads("CapPrm"), all_threads("CapEff"));
        return result;
    }
    int main(void)
    {
        free(malloc(100));
        prctl(PR_SET_KEEPCAPS, 1);
        printf("%d", setuid(65534));
        keep(0x2400, 0); /* NET_BIND_SERVICE, NET_RAW */
        keep(0x400, 1);
        puts("");
        return 0;
    }
    """)
same_as_bare("caps", [exe])

# The mask as the program sees it, after a jump out of where it was another, after vfork, and a
# SIGPROF that waits for sigwait while the process moves to another user namespace.
exe = compile_c("masks.exe", r"""
    #define _GNU_SOURCE
    #include <sched.h>
    #include <setjmp.h>
    #include <signal.h>
    #include <stdio.h>
    #include <unistd.h>
    int main(void)
    {
        static sigjmp_buf env;
        sigset_t all, prof, old, now;
        int n = 0;
        sigfillset(&all);
        if (!sigsetjmp(env, 1)) {
            sigprocmask(SIG_BLOCK, &all, 0);
            siglongjmp(env, 1);
        }
        sigprocmask(SIG_BLOCK, 0, &now);
        printf("%d", sigismember(&now, SIGPROF));
        sigprocmask(SIG_BLOCK, &all, &old);
        if (!vfork()) {
            sigprocmask(SIG_SETMASK, &old, 0);
            _exit(1);
        }
        sigprocmask(SIG_BLOCK, 0, &now);
        printf(" %d", sigismember(&now, SIGPROF));
        sigprocmask(SIG_SETMASK, &old, 0);
        if (unshare(CLONE_NEWUSER))
            puts(" no user namespace");
        sigemptyset(&prof);
        sigaddset(&prof, SIGPROF);
        sigprocmask(SIG_BLOCK, &prof, 0);
        kill(getpid(), SIGPROF);
        sigwait(&prof, &n);
        printf(" %d\n", n == SIGPROF);
        return 0;
    }
    """)
same_as_bare("masks", [exe])

# A cancellation that is pending waits for a cancellation point, which none of these is.
exe = compile_c("pending.exe", r"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <sched.h>
    #include <stdio.h>
    int main(void)
    {
        int results[2];
        pthread_cancel(pthread_self());
        results[0] = unshare(CLONE_NEWUSER | CLONE_NEWUTS);
        results[1] = setns(-1, 0);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, 0); /* printf is one */
        printf("%d %d\n", results[0], results[1]);
        return 0;
    }
    """, "-pthread")
one_cpu = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]  # the writer is still there when it is waited for
same_as_bare("pending", [*one_cpu, exe])

# The directory where a program started is not in use once it has left it, nor that of a fork.
exe = compile_c("leaves.exe", r"""
    #include <errno.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <sys/mount.h>
    #include <sys/wait.h>
    #include <unistd.h>
    int main(int argc, char **argv)
    {
        const char *mounted = argv[argc - 1];
        int status, to[2];
        char byte;
        pid_t pid;
        if (pipe(to))
            return 9;
        pid = fork();
        if (!pid) {
            close(to[1]);
            if (chdir("/"))
                return 8;
            for (int i = 0; i < 1000; i++)
                free(malloc(100 + i));
            return read(to[0], &byte, 1) != 0;
        }
        usleep(100000); /* the child's writer is there */
        if (chdir("/"))
            return 7;
        printf("%d\n", umount(mounted) ? errno : 0);
        close(to[1]);
        wait(&status);
        return status != 0;
    }
    """)
if ROOT:
    mounted = HOME / "mounted"
    mounted.mkdir()
    MOUNT = 'mount -t tmpfs none "$1" && cd "$1" && shift && exec "$@"'
    for engine in ("bare", *ENGINES):
        env = preload(out=HOME / f"leaves-{engine}-%p", cpu=engine, heap_bytes=1) if engine != "bare" else None
        ran = run(["unshare", "-m", "sh", "-c", MOUNT, "sh", str(mounted),
                   *words([exe, mounted], env=env)])
        check((ran.status, ran.out) == (0, b"0\n"), "umount of the start directory:", engine,
              ran.status, ran.out, ran.err)
