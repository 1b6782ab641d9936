#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# needs: redis-server redis-benchmark redis-cli redis-check-rdb redis-check-aof
# programs: redis-server*3 redis-benchmark redis-cli*10
# states: lines how often a server is asked, and when a thread closes a replaced file, is left to time
# hides: sockets
# limit: 200
"""redis-server's life: load by redis-benchmark, data loaded through a pipe, SAVE,
BGSAVE, rewriting of the append-only file, a replica, shutdown, reload, SIGTERM.
DEBUG DIGEST is redis's own checksum of all keys and values."""
import os
import signal
import socket
import subprocess
import time

with socket.create_server(("127.0.0.1", 0)) as s:
    PORT = str(s.getsockname()[1])


def serve(name, *options):
    os.makedirs(name, exist_ok=True)
    server = subprocess.Popen(["redis-server", "--bind", "127.0.0.1", "--unixsocket", "s",
                               "--dir", ".", "--save", "", "--enable-debug-command", "yes",
                               "--logfile", "log", *options], cwd=name)
    await_line(name, ["ping"], "PONG")
    return server


def cli(name, *words, text=None):
    return subprocess.run(["redis-cli", "-s", name + "/s", *words], input=text, text=True,
                          capture_output=text is None or None,
                          stdout=subprocess.PIPE if text else None).stdout.strip()


def await_line(name, words, *lines):
    for _ in range(600):
        if set(lines) <= set(cli(name, *words).splitlines()):
            return print(name, *words, *lines)
        time.sleep(0.05)
    print(name, "never said", *lines)


def end(name, server, *words):
    if words:
        cli(name, *words)
    else:
        server.send_signal(signal.SIGTERM)
    print(name, "ended with", server.wait(30), "socket left:", os.path.exists(name + "/s"))


master = serve("master", "--port", PORT, "--appendonly", "yes")
bench = subprocess.run(["redis-benchmark", "-s", "master/s", "-q", "-n", "2000", "-c", "8", "-P",
                        "4", "-r", "500", "--csv", "-t", "set,get,lpush,incr,zadd"], text=True,
                       capture_output=True)
print("benchmark", bench.returncode, bench.stderr, [r.split(",")[0] for r in
                                                    bench.stdout.splitlines()])
print(cli("master", "flushall"))
rows = [r for i in range(400) for r in (
    f"SET key:{i} {i * i}", f"APPEND key:{i} x{i}", f"LPUSH list:{i % 7} {'v' * (i + 1)}",
    f"HSET hash:{i % 5} f{i} {i}", f"ZADD zset {i} m{i}")]
pipe = "".join("*%d\r\n%s" % (len(w), "".join(f"${len(x)}\r\n{x}\r\n" for x in w))
               for w in map(str.split, rows))
print(cli("master", "--pipe", text=pipe).splitlines()[-1])
digest = cli("master", "debug", "digest")
print("digest", digest, cli("master", "dbsize"), cli("master", "get", "key:20"))
print("save", cli("master", "save"), cli("master", "bgsave"))
await_line("master", ["info", "persistence"], "rdb_bgsave_in_progress:0",
           "rdb_last_bgsave_status:ok")
print(cli("master", "bgrewriteaof"))
await_line("master", ["info", "persistence"], "aof_rewrite_in_progress:0",
           "aof_rewrite_scheduled:0", "aof_last_bgrewrite_status:ok")
replica = serve("replica", "--port", "0", "--replicaof", "127.0.0.1", PORT)
await_line("replica", ["info", "replication"], "master_link_status:up",
           "master_sync_in_progress:0")
print("replica agrees", cli("replica", "debug", "digest") == digest)
print(cli("master", text="SET late 1\nWAIT 1 30000\n").split())  # of this connection's writes
print(cli("replica", "get", "late"), cli("master", "del", "late"))
end("replica", replica, "shutdown", "nosave")
end("master", master, "shutdown", "save")
for check in (["redis-check-rdb", "master/dump.rdb"],
              ["redis-check-aof", "master/appendonlydir/appendonly.aof.manifest"]):
    print(check[0], subprocess.run(check, capture_output=True).returncode)
master = serve("master", "--port", PORT, "--appendonly", "yes")
print("reloaded", cli("master", "debug", "digest") == digest, cli("master", "dbsize"))
end("master", master)
subprocess.run(["rm", "-r", "master", "replica"])  # times and sizes
