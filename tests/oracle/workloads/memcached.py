#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# needs: memcached
# programs: memcached
# states: set threads end when they like
# limit: 100
"""memcached: 4 threads, 6 clients that set, get and delete; its counts."""
import os
import signal
import socket
import subprocess
import threading
import time

user = ["-u", "root"] if os.geteuid() == 0 else []
server = subprocess.Popen(["memcached", "-s", "s", "-a", "0777", "-t", "4", "-m", "16", *user])
wrong = []


def ask(stream, text, reply):
    stream.write(text)
    stream.flush()
    got = b"".join(stream.readline() for _ in range(reply.count(b"\n")))
    if got != reply:
        wrong.append((text[:40], got[:40]))


def connect():
    for _ in range(200):
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect("s")
            return s.makefile("rwb")
        except OSError:
            time.sleep(0.05)


def client(n):
    stream = connect()
    for i in range(200):
        key, value = b"k%d.%d" % (n, i), b"v" * (i * 17 % 3000)
        ask(stream, b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), b"STORED\r\n")
        ask(stream, b"get %s\r\n" % key,
            b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value))
        if i % 2:
            ask(stream, b"delete %s\r\n" % key, b"DELETED\r\n")


def stats():
    stream = connect()
    stream.write(b"stats\r\n")
    stream.flush()
    rows = {}
    while (row := stream.readline().split())[0] != b"END":
        rows[row[1].decode()] = row[2].decode()
    return rows


threads = [threading.Thread(target=client, args=(n,)) for n in range(6)]
for t in threads:
    t.start()
for t in threads:
    t.join()
rows = stats()
print("wrong", wrong)
for name in ("curr_items", "total_items", "cmd_get", "get_hits", "delete_hits", "threads"):
    print(name, rows[name])
server.send_signal(signal.SIGTERM)
print("ended with", server.wait(30))
if os.path.exists("s"):
    os.unlink("s")
