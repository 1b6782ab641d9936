#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's redis-server under redis-benchmark, on a socket of its own: every
reply is right, it shuts down cleanly on SIGTERM, its threads have their names,
and the profile shows its event loop; both engines, root and an ordinary user.

Redis runs on jemalloc without profiling, so its heap is seen from in front."""
import signal
import time

from lib import *

need("redis-server", "redis-benchmark", "redis-cli")


def session(user, engine):
    """Status, replies and trace of one server's life."""
    home = user.home / engine
    home.mkdir()
    if user.prefix:
        shutil.chown(home, "nobody", "nogroup")
    sock = home / "s"
    env = {} if engine == "bare" else preload(user, out="t", cpu=engine, cpu_hz=499,
                                              heap_bytes="64K",
                                                   stack_bytes=65528)
    log = open(user.home / (engine + ".log"), "w+b")
    server = subprocess.Popen(words(["redis-server", "--port", "0", "--unixsocket", sock,
                                     "--unixsocketperm", "777",
                                     "--save", "", "--daemonize", "no"], user, env), cwd=home,
                              stdout=log, stderr=log)
    try:
        for _ in range(200):
            if sock.exists():
                break
            time.sleep(0.05)
        cli = lambda *words: run(["redis-cli", "-s", sock, *words]).out.decode().strip()
        check(cli("ping") == "PONG", engine, "ping:", log.name)
        bench = run(["redis-benchmark", "-s", sock, "-q", "-n", "60000", "-c", "8", "-P", "8",
                     "--csv", "-r", "1000", "-t",
                     "set,get,lpush,lrange_100"])
        check(bench.status == 0 and b"rror" not in bench.out + bench.err, engine, bench.out,
              bench.err)
        text = "".join(f"SET key:{i} {i * i}\nAPPEND key:{i} x\nGET key:{i}\n"
                       for i in range(300)) + "DBSIZE\n"
        replies = run(["redis-cli", "-s", sock], stdin=text.encode()).out.decode().split()
        check(replies[2:900:3] == [f"{i * i}x" for i in range(300)], engine, "wrong replies:",
              replies[:9])
        server.send_signal(signal.SIGTERM)
        return server.wait(20), home / "t"
    finally:
        server.kill()
        server.wait()


need_status = session(users()[-1], "bare")[0]
for user in users():
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        status, trace = session(user, engine)
        check(status == need_status, what, "shutdown by SIGTERM: status", status, "bare",
              need_status)
        log = (user.home / (engine + ".log")).read_text()
        check("bye bye" in log and "libprof" not in log, what, "log:", log[-1000:])
        p = Profile(trace)
        check(p.process["state"] == "exit", what, "state", p.process["state"])
        check_named(p)
        check_whole(p, root=p.frames, what=what)
        names = {t["name"] for t in p.threads}
        check({"redis-server", "bio_close_file", "bio_lazy_free"} <= names, what, "threads", names)
        main, = [t for t in p.threads if t["main"]]
        check(main["cpu_ns"] > 0.8 * p.cpu() > 50e6, what, "CPU of main", main["cpu_ns"], "of",
              p.cpu())
        deep = sum(ns for _, s, _, ns in p.stacks() if len(s) >= 6 and is_sampled(s))
        sampled = sum(ns for _, s, _, ns in p.stacks() if is_sampled(s))
        check(deep > 0.7 * sampled > 20e6, what, "stacks of 6 frames and more:", deep, "of",
              sampled)
        check(sum(r["alloc_space"] for _, _, r in p.rows("heap")) > 1e6, what, "heap of redis")
