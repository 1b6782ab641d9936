#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Little of everything: memory, file size, descriptors, threads, locked
memory, no standard descriptors, a umask of 777, a directory that is gone.  The
program runs as without us; what cannot be recorded is not."""
import time

from lib import *

LIMITS = (["--as=400000000"], ["--as=100000000"], ["--as=60000000"],
          ["--as=40000000"], ["--as=20000000"],
          ["--data=3000000"],
          ["--fsize=20000"], ["--nofile=4"], ["--nofile=256"], ["--memlock=0"], ["--stack=262144"],
          ["--sigpending=0"],
          ["--core=0"])
for user in users():
    file = user.file(W / "w_threads")
    names = lambda r: [row[1] for row in r.rows("thread")]
    for limit in LIMITS + ((["--nproc=1"],) if user.prefix else ()):
        bare = run(["prlimit", *limit, "--", file, 20], user)
        for engine in ENGINES:
            what = f"{limit[0]} {engine} as {user.name}:"
            env = preload(user, out=f"{limit[0][2:]}-{engine}", cpu=engine, heap_bytes=4096,
                          cpu_hz=999)
            ran = run(["prlimit", *limit, "--", *words([file, 20], env=env)], user)
            check(ran.status == bare.status, what, "status", ran.status, "bare", bare.status,
                  ran.err.decode()[-500:])
            check(names(ran) == names(bare), what, "output", ran.out, "bare", bare.out)
            check(len(ran.err.splitlines()) <= len(bare.err.splitlines()) + 1, what, "says",
                  ran.err.decode())
for script in ("exec <&-; {} 3", "exec <&- >&- 2>&-; {} 3", "umask 777; {} 3",
               "mkdir gone; cd gone; rmdir ../gone; {} 3",
               "cd /; {} 3"):
    for engine in ENGINES:
        program = words([W / "w_mini"], env=preload(out=HOME / f"s-{engine}-%p", cpu=engine))
        ran = run(["bash", "-c", script.format(" ".join(program))])
        check((ran.status, ran.out, ran.err) == (3, b"", b""), script, engine, ran.status, ran.err)
found = [t for t in HOME.iterdir() if t.name.startswith("s-") and segments(t)]
check(len(found) == 10, "traces under such conditions:", len(found), "of 10")
for trace in found:
    prof("check", trace)


def address_space(env):
    """KiB of address space of an idle program, some time after its start."""
    proc = subprocess.Popen([W / "w_idle", "3000"], env=dict(os.environ, **env), cwd=HOME,
                            stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while env and not segments(HOME / "space") and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    status = pathlib.Path(f"/proc/{proc.pid}/status").read_text()
    proc.kill()
    proc.wait()
    return max(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmPeak"))


# A thread that asks glibc for memory reserves 64 MiB, 128 for a moment: ours must not.
more = address_space(preload(out="space")) - address_space({})
check(more < 40 << 10, "address space taken:", more, "KiB")
