#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signals reach a program under prof run once: sent to prof, sent to the group,
and typed at a terminal; what was ignored or blocked before stays so."""
import ast
import os
import pty
import signal
import subprocess
import time

import lib

COUNTER = """
import signal, sys, time
seen = {}
def note(sig, frame):
    seen[sig] = seen.get(sig, 0) + 1
for sig in (1, 2, 3, 10, 12, 15):
    signal.signal(sig, note)
print("ready", flush=True)
end = time.monotonic() + 1
while time.monotonic() < end:
    time.sleep(0.02)
print(seen, flush=True)
"""
COMMAND = [str(lib.PROF), "run", "--out", "trace-%p", "/usr/bin/python3", "-c", COUNTER]


def start(**how):
    p = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                         start_new_session=True, **how)
    p.stdout.readline()
    return p


def seen(p):
    text = p.communicate()[0]
    lib.check(p.returncode == 0, "status", p.returncode, text)
    return ast.literal_eval(text)


running = {sig: start() for sig in (1, 2, 3, 10, 12, 15)}
for sig, p in running.items():
    os.kill(p.pid, sig)
for sig, p in running.items():
    got = seen(p)
    lib.check(got == {sig: 1}, "to prof alone:", sig, "seen", got)

p = start()
for _ in range(4):
    for sig in (2, 10, 15):
        os.killpg(p.pid, sig)
    os.kill(p.pid, 12)
    time.sleep(0.1)
got = seen(p)
lib.check(got == {2: 4, 10: 4, 15: 4, 12: 4}, "to the group and to prof:", got)

pid, terminal = pty.fork()
if pid == 0:
    os.execv(COMMAND[0], COMMAND)
text = b""
while b"ready" not in text:
    text += os.read(terminal, 1000)
os.write(terminal, b"\x03")
time.sleep(0.1)
os.write(terminal, b"\x1c")
try:
    while part := os.read(terminal, 1000):
        text += part
except OSError:
    pass
lib.check(os.waitpid(pid, 0)[1] == 0 and b"{2: 1, 3: 1}" in text, "typed ^C and ^\\:", text)

# The program inherits what prof was started with.
ask = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]


def before():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])


bare = subprocess.run(ask, stdout=subprocess.PIPE, preexec_fn=before, check=True).stdout
under = subprocess.run(COMMAND[:4] + ask, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                       preexec_fn=before, check=True).stdout
lib.check(bare == under, "signal state", bare, under)

for sig, status in ((signal.SIGTERM, 143), (signal.SIGKILL, 137)):
    got = subprocess.run(COMMAND[:4] + ["sh", "-c", f"kill -{int(sig)} $$"],
                         stderr=subprocess.DEVNULL).returncode
    lib.check(got == status, "death by", sig, "gives", got)
