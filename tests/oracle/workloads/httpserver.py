#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# programs: httpserver.py python3
# states: set threads end when they like
# limit: 100
"""python3's http.server, a thread a connection, and 8 clients of 30 requests each."""
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

server = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1",
                           "--directory", "files", "0"], stdout=subprocess.PIPE,
                          stderr=open("log", "w"), text=True)
os.mkdir("files")
text = "".join(f"{i} {i * i}\n" for i in range(20000)).encode()
open("files/a", "wb").write(text)
address = server.stdout.readline().split("(")[1].split(")")[0]
right = []


def client():
    for i in range(30):
        try:
            with urllib.request.urlopen(address + ("a" if i % 3 else "none"), timeout=30) as r:
                right.append(hashlib.sha1(r.read()).digest() == hashlib.sha1(text).digest())
        except urllib.error.HTTPError as e:
            right.append(e.code == 404)


threads = [threading.Thread(target=client) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
# the last answers are out: the threads that gave them may not have closed yet
until = time.monotonic() + 30
while len(os.listdir(f"/proc/{server.pid}/fd")) > 4 and time.monotonic() < until:
    time.sleep(0.01)
server.send_signal(signal.SIGINT)
print("ended with", server.wait(30), "right", sum(right), "of", len(right))
print("logged", sum('"GET /' in row for row in open("log")))
os.unlink("log")
