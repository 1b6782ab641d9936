#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ways to a new process beside fork and exec: vfork and posix_spawn, system,
popen, daemon, _Fork, a bare clone, forks from many threads at once, a chain of
200 images; children that end at once are not delayed and leave nothing."""
import time

from lib import *

SCRIPT = """
import ctypes, os, subprocess, sys, threading
libc = ctypes.CDLL(None)
out = []
out.append(os.system("exit 7") >> 8)
out.append(os.popen("echo popen").read())
out.append(subprocess.run(["sh", "-c", "exit 5"], close_fds=True).returncode)
out.append(os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/false", ["false"], {}), 0)[1]))
def storm():
    for i in range(20):
        pid = os.fork()
        if pid == 0:
            x = [bytes(10000) for _ in range(10)]
            os._exit(i)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != i:
            out.append("bad child")
threads = [threading.Thread(target=storm) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
pid = libc.syscall(56, 17, 0, 0, 0, 0)  # a bare clone(SIGCHLD)
if pid == 0:
    libc.free(libc.malloc(100000))
    os._exit(9)
out.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(out)
"""
for engine in ENGINES:
    env = preload(out=f"{engine}-%p", cpu=engine, heap_bytes=65536)
    bare = run(["/usr/bin/python3", "-I", "-c", SCRIPT])
    check(b"bad" not in bare.out and b"7, 'popen" in bare.out, "the script itself:", bare.out,
          bare.err)
    same(bare, run(["/usr/bin/python3", "-I", "-c", SCRIPT], env=env), engine)
    for trace in traces(HOME):
        prof("check", trace)
    count = "for i in $(seq 200); do /bin/true; done; exec /bin/echo done"
    began = time.monotonic()
    bare = run(["bash", "-c", count])
    middle = time.monotonic()
    same(bare, run(["bash", "-c", count], env=dict(env, LIBPROF_PROGRAMS="bash")), engine)
    late = (time.monotonic() - middle - (middle - began)) / 200
    check(late < 0.02, engine, f"each /bin/true that is left out takes {late * 1000:.1f} ms more")
    chain = "[ $1 = 0 ] && exit 6; exec sh -c \"$0\" \"$0\" $(($1 - 1))"
    ran = run(["sh", "-c", chain, chain, "100"], env=dict(env, LIBPROF_OUT=f"{engine}-chain-%p"))
    check((ran.status, ran.err) == (6, b""), engine, "chain of exec:", ran.status, ran.err)
