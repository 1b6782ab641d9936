#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The one line that the library has to say, when nothing at all can be recorded,
where it cannot be said: stderr is a pipe nobody reads, a pipe that is full, a file
at RLIMIT_FSIZE, a full device, closed, or by the end of the program a file of the
program's own.  The line is dropped, and nothing else happens."""
import signal

from lib import *

NOWHERE = preload(out="/no/such/directory/t")
check(run([W / "w_mini", "3"], env=NOWHERE).err.count(b"\n") == 1, "the line is not said at all")


def status(command, stderr, env=NOWHERE, **more):
    try:
        return subprocess.run([str(c) for c in command], stderr=stderr, cwd=HOME, timeout=20,
                              env=dict(os.environ, **env), **more).returncode
    except subprocess.TimeoutExpired:
        fail(f"{command[0]} hangs")


reader, writer = os.pipe()
os.close(reader)
check(status([W / "w_mini", 3], writer) == 3, "a pipe without a reader ends the program")
check(status([W / "w_mini", 3], writer, preexec_fn=lambda: signal.pthread_sigmask(
    signal.SIG_BLOCK, [signal.SIGPIPE])) == 3, "with SIGPIPE blocked")
os.close(writer)

reader, writer = os.pipe()
os.set_blocking(writer, False)
for chunk in (65536, 1):
    try:
        while True:
            os.write(writer, b"x" * chunk)
    except BlockingIOError:
        pass
os.set_blocking(writer, True)
check(status([W / "w_mini", 3], writer) == 3, "a full pipe")

(HOME / "log").write_bytes(b"x" * 5000)
with open(HOME / "log", "a") as log:
    check(status(["prlimit", "--fsize=4096", "--", "env", *(f"{k}={v}" for k, v in NOWHERE.items()),
                  W / "w_mini", 3], log, {}) == 3, "a file at RLIMIT_FSIZE")
check((HOME / "log").stat().st_size == 5000, "the log has grown")
with open("/dev/full", "w") as full:
    check(status([W / "w_mini", 3], full) == 3, "/dev/full")

# Descriptor 2 becomes the program's data; what could not be written is not told there.
script = """
import os, sys, time
fd = os.open("data", os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
os.dup2(fd, 2)
os.write(2, b"data")
for i in range(60):
    x = [bytes(1000 + k) for k in range(100)]
    time.sleep(0.005)
sys.exit(5)
"""
limited = ["prlimit", "--fsize=4000", "--", "env",
           *(f"{k}={v}" for k, v in preload(out="small", heap_bytes=1, flush_ms=10).items()),
           "/usr/bin/python3", "-S", "-c", script]
check(status(limited, subprocess.DEVNULL, {}) == 5, "with data at descriptor 2")
check((HOME / "data").read_bytes() == b"data", "the library wrote into the program's file:",
      (HOME / "data").read_bytes()[:300])
check(Profile(HOME / "small", status=None).losses["write_failed"] > 0, "the file was never full")
