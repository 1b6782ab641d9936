#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# needs: nginx
# programs: nginx*3
# states: set how often its workers are counted is left to time
# hides: sockets ended
# limit: 120
"""nginx with two workers: requests all the time, meanwhile a reload and a reopening
of its logs; then a graceful end.  As root the workers change their user.  Every
reply is compared, every request is in one of the two logs."""
import gzip
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import threading
import time

CONF = """%s
daemon off; worker_processes 2; pid nginx.pid; error_log error.log warn;
events { worker_connections 128; }
http {
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
  scgi_temp_path t5; access_log access.log; gzip on; gzip_min_length 1; gzip_types text/plain;
  server { listen 127.0.0.1:%d; root files; default_type text/plain;
    location /twice { return 200 twice; } }
}
"""
CLIENTS, REQUESTS = 4, 60
TEXT = b"".join(b"%d squared is %d\n" % (i, i * i) for i in range(4000))
BINARY = b"".join(hashlib.sha512(b"%d" % i).digest() for i in range(4000))
wrong, served = [], [0] * CLIENTS
bad = lambda *what: wrong.append(what)


def client(n):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for i in range(REQUESTS):
        path, body = [("/text", TEXT), ("/binary", BINARY), ("/twice", b"twice"),
                      ("/none", None)][i % 4]
        headers = {"Accept-Encoding": "gzip"} if i % 8 < 4 else {}
        for attempt in range(9):  # a worker that ends may close an idle connection
            try:
                conn.request("GET", path, headers=headers)
                reply = conn.getresponse()
                got = reply.read()
                break
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                conn.close()
        else:
            return bad("no reply", n, i)
        served[n] += 1
        if reply.getheader("Content-Encoding") == "gzip":
            got = gzip.decompress(got)
        if reply.status != (200 if body else 404) or (body and got != body):
            bad(path, reply.status, len(got))
        time.sleep(0.005)


def workers():
    found = subprocess.run(["ps", "-o", "pid=,user=", "--ppid", str(nginx.pid)],
                           capture_output=True, text=True).stdout.splitlines()
    return {row.split()[0]: row.split()[1] for row in found}


def until(what, condition):
    for _ in range(400):
        if condition():
            return print(what)
        time.sleep(0.05)
    print("never:", what)


def lines(name):
    return len(open(name).readlines())


with socket.create_server(("127.0.0.1", 0)) as s:
    port = s.getsockname()[1]
os.umask(0o22)
os.mkdir("files")
for name, content in (("text", TEXT), ("binary", BINARY)):
    open("files/" + name, "wb").write(content)
root = os.geteuid() == 0
open("conf", "w").write(CONF % ("user nobody nogroup;" if root else "", port))
nginx = subprocess.Popen(["nginx", "-p", os.getcwd(), "-e", "error.log", "-c", "conf"])
until("two workers", lambda: len(workers()) == 2 and os.path.exists("nginx.pid"))
until("of nobody", lambda: set(workers().values()) == {"nobody"})  # a worker is born as root
first = workers()
threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
for t in threads:
    t.start()
nginx.send_signal(signal.SIGHUP)
until("two others", lambda: len(workers().keys() - first.keys()) == 2
      and not workers().keys() & first.keys())
os.rename("access.log", "access.log.1")
nginx.send_signal(signal.SIGUSR1)
until("a new log", lambda: os.path.exists("access.log"))
for t in threads:
    t.join()
until("all logged", lambda: lines("access.log") + lines("access.log.1") >= sum(served))
nginx.send_signal(signal.SIGQUIT)
print("ended with", nginx.wait(30), "served", sum(served), "wrong", wrong)
rows = [row for row in open("error.log") if "[notice]" not in row]
missing = [row for row in rows if "[error]" in row and "files/none" in row]
print("logged", lines("access.log") + lines("access.log.1"), len(missing), "are missing,",
      [row for row in rows if row not in missing])
for name in ("access.log", "access.log.1", "error.log", "conf"):
    os.unlink(name)
