#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The place a trace is written to fails: a file system of 1 MiB that fills, one that has
room again later, one without inodes, a read-only one; the directory deleted or made
unreadable under us; the program changing its root, its directory or its umask.  With
descriptors of our own, and where they are refused.  (A FIFO, a link or a file in the
way: t_security_files.py.)

What could not be written is counted in bytes.  These are held against the calls that are
missing in the trace, by what one takes in the part that was written; where nothing is left
of a trace, against the calls that the program made after it was deleted.

limit: 300
long: 1800
"""
import contextlib
import re
import time

from faults import *

need("lz4")
PLUGIN = W / "p_alpha.so"
MILLISECONDS = 5000 if LONG else 900
AGAIN = 3 * MILLISECONDS  # a failed write is tried again after a second
ROOM = (256 if LONG else 32) << 20  # more than is written in that time (50 MiB in 15 s)
EXPECT = run([W / "w_fault", PLUGIN, MILLISECONDS])
WANTED = without_calls(EXPECT)
check(EXPECT.status == 7, "w_fault bare:", EXPECT.status)
LEAST_BYTES, MOST_BYTES = 0.4, 3
outcomes = []


def start(out, wrap=(), user=None, milliseconds=MILLISECONDS, **values):
    user = user or User("self")
    values = dict(dict(heap_bytes=1, flush_ms=10, segment_bytes="64K", cpu_hz=999), **values)
    wrap = [user.file(w) if isinstance(w, pathlib.Path) else w for w in wrap]
    return subprocess.Popen(
        words([*wrap, "env", *(f"{k}={v}" for k, v in preload(user, out=out, **values).items()),
               user.file(W / "w_fault"), user.file(PLUGIN), milliseconds], user),
        cwd=user.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(proc, what):
    """The program is unchanged; what we said (at most a line), its count of its calls."""
    ran = Ran(None, *proc.communicate(timeout=100))
    check((proc.returncode, without_calls(ran)) == (EXPECT.status, WANTED), what,
          "changed the program:", proc.returncode, ran.out, ran.err)
    return one_line(ran.err, what), ran.rows("calls")[0][0]


def judge(trace, what, made=None):
    check_good(trace, what)
    p = account(Profile(trace), what, made)
    judge_bytes(trace, p, what)
    outcomes.append((what, f"unchanged, trace valid; {p.losses['write_failed']} bytes lost"))
    return p


def judge_bytes(trace, p, what):
    """The bytes lost are about those of as many calls in what was written.  A frame that is
    lost takes more: names and stacks that the next one has to say again."""
    recorded = sum(row["alloc_n"] for row in p.raw["heap"])
    counted = sum(t["alloc_calls"] for t in p.threads) + p.process["ended_before"]["alloc_calls"]
    missing = counted - recorded - sum(p.losses[name] for name in ALLOC_LOSSES)
    failed = p.losses["write_failed"]
    if not failed or p.process["state"] == "open" or missing < 5000 or recorded < 5000:
        return
    written = sum(len(run(["lz4", "-dc", s]).out) for s in segments(trace))
    share = failed / (missing * written / recorded)
    note(f"{what}: {failed} bytes lost for {missing} calls, {share:.2f} times those of calls written")
    check(LEAST_BYTES <= share <= MOST_BYTES, what, failed, "bytes lost for", missing, "calls;",
          written, "were written for", recorded)


@contextlib.contextmanager
def mounted(name, options):
    place = HOME / name
    place.mkdir()
    if run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]).status:
        skip("cannot mount a small file system; the rest passed")
    try:
        yield place
    finally:
        run(["umount", "-l", place])


def under_us():
    """The directory goes, or cannot be entered any more, while it is written."""
    for wrap in ([], SHARED):
        form = "shared" if wrap else "own"
        proc = start(HOME / f"gone-{form}", wrap)
        wait_for(lambda: segments(HOME / f"gone-{form}"), "segment")
        began = time.monotonic()
        time.sleep(0.05)
        if form == "shared":  # by path: in one step, as a segment may come while it is emptied
            (HOME / "gone-shared").rename(HOME / "away")
            shutil.rmtree(HOME / "away")
        else:
            while (HOME / "gone-own").exists():
                shutil.rmtree(HOME / "gone-own", ignore_errors=True)
        gone = time.monotonic()
        said, made = finish(proc, f"deleted, {form} descriptors")
        told = re.search(r"(\d+) bytes could not be written to .*: No such file or directory", said)
        check(told, f"deleted, {form} descriptors: says", said)
        # Half of the calls, for the time that is left: the program is not as fast all the time.
        share = (time.monotonic() - gone) / (time.monotonic() - began) / 2
        check(form == "shared" or int(told[1]) >= ROW_BYTES * made * share, "deleted:", told[1],
              "bytes lost,", made, f"calls made, {2 * share:.0%} of the time after it")
        outcomes.append((f"deleted, {form} descriptors", "unchanged; " + said.strip()))
        check(not segments(HOME / f"gone-{form}") or form == "shared", "made again:",
              *segments(HOME / f"gone-{form}"))
    user = users()[-1]
    for wrap in ([], SHARED):
        trace = user.home / f"closed-{len(wrap)}"
        proc = start(trace, wrap, user)
        wait_for(lambda: segments(trace), "segment")
        trace.chmod(0)
        time.sleep(MILLISECONDS / 3000)
        trace.chmod(0o700)
        _, made = finish(proc, "unreadable for a while")
        form = "shared" if wrap else "own"
        judge(trace, f"unreadable for a while, {user.name}, {form} descriptors", made)


def of_the_program():
    """chdir, chroot and umask by the program are its own affair.  Where the root directory
    is the writer's, too, because it could have none of its own, a new root ends writing: the
    trace has no path any more, nor can the loss be told in it, so the line at the end does."""
    body = """
import os, sys, time
keep = []
for i in range(60):
    keep.append(bytes(20000 + i))
    time.sleep(0.004)
    if i == 20:
        {}
os.write(1, b"done")
sys.exit(6)
"""
    calls = {"chdir": "os.chdir('/')", "umask": "os.umask(0o777)"}
    if ROOT:
        calls["chroot"] = "os.chroot('jail'); os.chdir('/')"
    (HOME / "jail").mkdir()
    for name, call in calls.items():
        for wrap in ([], SHARED):
            out = f"{name}-{len(wrap)}"
            setting = preload(out=out, heap_bytes=1, flush_ms=10)
            ran = run([*wrap, "env", *(f"{k}={v}" for k, v in setting.items()), "/usr/bin/python3",
                       "-S", "-c", body.format(call)])
            check((ran.status, ran.out) == (6, b"done"), out, ran.status, ran.out, ran.err)
            p, said = judge(HOME / out, out), one_line(ran.err, out)
            if name == "chroot" and wrap:
                check(re.search(r"\d+ bytes could not be written to .*: No such file or directory",
                                said), out, "says", said)
                check(p.process["state"] == "open", out, "state", p.process["state"])
            else:
                check(not said and not p.losses["write_failed"], out, "lost", said, p.losses)
    check(not list((HOME / "jail").iterdir()), "in the program's root:", *(HOME / "jail").iterdir())


def file_systems():
    with mounted("full", "size=1m") as place:
        (place / "filler").write_bytes(bytes((1 << 20) - 60000))
        said, made = finish(start(place / "t", limit_bytes=0), "fills")
        p = judge(place / "t", "a file system of 1 MiB that fills", made)
        check(p.losses["write_failed"] > 0 and re.search(
            "could not be written .*: No space left on device", said), "it filled, and said", p.losses, said)
    for form, wrap in (("own", []), ("shared", SHARED)):
        with mounted("again-" + form, f"size={ROOM}") as place:
            filler = place / "filler"
            filler.write_bytes(bytes(ROOM - 80000))
            proc = start(place / "t", wrap, milliseconds=AGAIN, limit_bytes=0)
            wait_for(lambda: segments(place / "t"), "segment")
            try:
                with open(filler, "ab") as f:
                    while True:
                        f.write(bytes(4096))
                        f.flush()
            except OSError:
                pass
            time.sleep(MILLISECONDS / 3000)
            before = len(segments(place / "t"))
            filler.unlink()
            freed = time.monotonic()
            while proc.poll() is None and len(segments(place / "t")) == before:
                time.sleep(0.01)
            check(proc.poll() is None or time.monotonic() - freed < 1.5, form,
                  "nothing is written although there is room")
            _, made = finish(proc, "room again")
            p = judge(place / "t", f"full for a while, {form} descriptors", made)
            check(p.losses["write_failed"] > 0, form, "it was never full")
            # open: on a busy machine the end does not wait for the writer
            check(p.process["state"] in ("exit", "open") and len(segments(place / "t")) > before,
                  form, "did not go on:", p.process["state"], before, *segments(place / "t"))
    with mounted("inodes", "nr_inodes=3") as place:
        _, made = finish(start(place / "t", limit_bytes=0), "no inodes")
        p = judge(place / "t", "a file system without inodes left", made)
        check(p.losses["write_failed"] > 0 or len(segments(place / "t")) == 1, p.losses)
    with mounted("read-only", "size=1m") as place:
        check(run(["mount", "-o", "remount,ro", place]).status == 0, "cannot remount")
        said, _ = finish(start(place / "t"), "read-only")
        check("Read-only file system" in said and not (place / "t").exists(), "read-only says", said)
        outcomes.append(("read-only", "unchanged; reason on stderr, no trace"))


under_us()
of_the_program()
if ROOT:
    file_systems()
mostly_exact(0.4)  # three of a dozen were full for a while
for what, outcome in outcomes:
    note(what, outcome)
    measured("faults", "where the trace goes: " + what, f"{MILLISECONDS} ms", outcome)
measured("left out", "a trace on NFS", "", "a server needs the kernel's module")
measured("left out", "a trace under a quota", "", "needs a file system made for quotas")
if not ROOT:
    skip("small file systems are mounted by root; the rest passed")
