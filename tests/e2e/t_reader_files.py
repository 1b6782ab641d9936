#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What lies beside segments, what cannot be read, and outputs that cannot be
written: told, never taken for something else, never waited for."""
import os
import signal
import subprocess
import sys
from subprocess import PIPE

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace

COMMANDS = (["report"], ["folded"], ["json"], ["json", "--lines"], ["dump"], ["check"])
trace = HOME / "trace"
mktrace.case_basic(str(trace))
segment = trace / "segment-000001.lz4"
good = {tuple(c): run([PROF, *c, trace], timeout=20) for c in COMMANDS}
for command, ran in good.items():
    check(ran.status == 0 and ran.out, command, ran.status, ran.err)


def look(what, status, says=b"", trace=trace, user=None, outputs=True):
    """All commands on a trace that holds the good segment and something else."""
    for command in COMMANDS[:2] if user else COMMANDS:
        ran = run([user.file(PROF) if user else PROF, *command, trace], user, timeout=20)
        if command != ["dump"]:  # which shows whatever file it is given
            check(ran.status == status, what, command, "-> status", ran.status, ran.err)
        check(says in ran.err, what, command, "does not say", says, "but", ran.err)
        if outputs and command in (["folded"], ["json", "--lines"]):
            check(ran.out == good[tuple(command)].out, what, command, "gives", ran.out)


def beside(what, make, status, says=b""):
    path = make()
    look(what, status, says)
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        path.rmdir()


def written(name, data):
    (trace / name).write_bytes(data)
    return trace / name


def fifo(name):
    os.mkfifo(trace / name)
    return trace / name


def directory(name):
    (trace / name).mkdir()
    return trace / name


def link(name, to):
    (trace / name).symlink_to(to)
    return trace / name


data = segment.read_bytes()
beside("a note", lambda: written("NOTES", b"hello\n"), 0)
beside("an unfinished segment", lambda: written("segment-000002.lz4.new", b"\x50\x2a\x4d\x18"), 0)
beside("a backup", lambda: written("segment-000001.lz4~", data), 0)
beside("an empty segment", lambda: written("segment-000002.lz4", b""), 1, b"the file is empty")
beside("a foreign segment", lambda: written("segment-000002.lz4", b"x" * 999), 1,
       b"not a libprof segment")
beside("a fifo", lambda: fifo("segment-000002.lz4"), 1, b"not a regular file")
beside("a directory like a segment", lambda: directory("segment-000002.lz4"), 1,
       b"not a regular file")
beside("an empty directory", lambda: directory("sub"), 0)
beside("a link to nothing", lambda: link("segment-000002.lz4", "nowhere"), 1)
beside("a copy", lambda: written("segment-000002.lz4", data), 0, b"segment 1 once more; not read")
beside("a link to itself", lambda: link("loop", "."), 0)
(HOME / "linked").symlink_to(trace)
look("a link to the trace", 0, trace=HOME / "linked")
ran = run([PROF, "folded", segment, segment, trace])
check(ran.status == 0 and ran.out == good[("folded",)].out, "named three times:", ran.out)
(HOME / "empty").mkdir()
for command in COMMANDS:
    ran = run([PROF, *command, HOME / "empty"])
    check(ran.status == 2 and b"no trace in this directory" in ran.err, command, ran.err)
    ran = run([PROF, *command], cwd=HOME / "empty")
    check(ran.status == 2 and b"no trace in the current directory" in ran.err, command, ran.err)

for user in users()[1:]:
    tree = user.home / "tree"
    mktrace.case_basic(str(tree / "good"))
    mktrace.case_basic(str(tree / "hidden"))
    (tree / "hidden").chmod(0)
    look("a directory that may not be read", 1, b"hidden: Permission denied", tree, user)
    look("only that", 2, b"hidden: Permission denied", tree / "hidden", user, False)
    (tree / "hidden").chmod(0o755)
    (tree / "hidden/segment-000001.lz4").chmod(0)
    look("a segment that may not be read", 1, b"cannot be opened (Permission denied)", tree, user)

# -- Outputs that cannot be written.
for command in COMMANDS:
    for where in ([], ["-o", "/dev/full"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROF, *command, *where, trace], stdout=full, stderr=PIPE)
        check(done.returncode == 2 and b"No space left on device" in done.stderr, command, where,
              done.returncode, done.stderr)
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", PROF, *command, trace], stderr=PIPE)
    check(done.returncode == 2 and b"Bad file descriptor" in done.stderr, command, "closed:", done)
    ran = run([PROF, *command, "-o", HOME / "no/such/dir/out", trace])
    check(ran.status == 2 and b"no/such/dir/out: No such file" in ran.err, command, ran.err)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([PROF, *command, trace], stdout=write, stderr=PIPE, restore_signals=True)
    os.close(write)
    check(done.returncode == -signal.SIGPIPE and done.stderr == good[tuple(command)].err, command,
          "broken pipe:", done)
for command in (["help"], ["--version"], ["help", "report"], ["help", "check"]):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROF, *command], stdout=full, stderr=PIPE)
    check(done.returncode == 2 and b"No space left on device" in done.stderr, command, done)

for command in ("run", "report", "folded", "json", "dump", "check"):
    wide = [line for line in prof("help", command).splitlines() if len(line) > 84]
    check(not wide, "prof help", command, wide)

# A file is replaced when all of it has been written, and never before.
(HOME / "out").write_text("old")
ran = run(["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "sh", PROF, "json", "-o", "out",
           trace], cwd=HOME)
check(ran.status == 2 and (HOME / "out").read_text() == "old", "file size limit:", ran.err)
check(not list(HOME.glob("out.*")), "left behind:", list(HOME.glob("out.*")))
prof("json", "-o", "out", trace)
check((HOME / "out").read_bytes() == good[("json",)].out, "-o replaces a file")
