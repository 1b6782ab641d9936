#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where a trace goes: a new directory of mode 0700 with files of 0600, whatever the
umask; never through a link, into a directory that was there, or over a file; and
into the same directory to the end, whatever is put at its name, between any two
calls.  With descriptors of our own, and where they are refused.  Where nothing is said
of the place and all may write to the working directory, another's link or directory at
the name that it will have gets nothing."""
import pwd
import stat
import threading
import time

from lib import *

FORMS = {"own descriptors": [], "shared descriptors": SHARED}


def record(out, form=(), user=None, umask=0o022, program="w_leak", args=(20000,)):
    """Runs a program; its status and output are what they are bare."""
    user = user or User("self")
    shell = ["sh", "-c", f"umask {umask:o}; exec \"$@\"", "sh"]
    command = [*shell, *(user.file(w) if isinstance(w, pathlib.Path) else w for w in form),
               user.file(W / program), *args]
    bare = run([user.file(W / program), *args], user)
    env = preload(user, out=out, cpu="off", heap_bytes=64, heap_hz=0, flush_ms=10, segment_bytes="64K",
                  programs=program)
    ran = run(command, user, env)
    check(ran.status == bare.status, out, "status", ran.status, ran.err)
    return ran


def modes(directory):
    return {stat.S_IMODE(f.stat().st_mode) for f in directory.iterdir()}


def is_private(directory, uid, what):
    st = directory.lstat()
    check(stat.S_ISDIR(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o700, what, "directory",
          oct(st.st_mode))
    check(st.st_uid == uid, what, "belongs to", st.st_uid)
    check(modes(directory) == {0o600}, what, "files", modes(directory))
    check(len(segments(directory)) > 1, what, "segments", segments(directory))
    prof("check", directory)


def snapshot(path):
    """All there is below path: kind, mode, owner, size, content."""
    found = {}
    for p in [path, *sorted(path.rglob("*"))]:
        st = p.lstat()
        data = p.read_bytes() if stat.S_ISREG(st.st_mode) else b""
        found[str(p)] = st.st_mode, st.st_uid, st.st_size, st.st_mtime_ns, data
    return found


# modes, whatever the umask
for user in users():
    uid = os.geteuid() if user.name == "self" else pwd.getpwnam("nobody").pw_uid
    for form, wrap in FORMS.items():
        for umask in (0, 0o077, 0o777):
            out = f"mode-{len(wrap)}-{umask:o}"
            ran = record(out, wrap, user, umask)
            is_private(user.home / out, uid, (user.name, form, oct(umask), ran.err))

# nothing said of the place: the working directory, and no directory that all may write to
for user in users():
    cwd, elsewhere = user.home / "default", user.home / "elsewhere"
    for directory in (cwd, elsewhere):
        directory.mkdir()
        if user.prefix:
            shutil.chown(directory, "nobody", "nogroup")
    env = dict(preload(user, cpu="off", heap_bytes=64, heap_hz=0), TMPDIR=elsewhere, HOME=elsewhere,
               XDG_RUNTIME_DIR=elsewhere)
    shared = {p: set(os.listdir(p)) for p in ("/tmp", "/var/tmp", "/dev/shm")}
    ran = run([user.file(W / "w_leak"), 20000], user, env, cwd=cwd)
    check(ran.status == 0 and not ran.err, "default:", ran.status, ran.err)
    found = list(cwd.iterdir())
    check(len(found) == 1 and found[0].name.startswith("prof-w_leak-"), "default place:", found)
    new = [n for p, names in shared.items() for n in set(os.listdir(p)) - names if "w_leak" in n]
    check(not list(elsewhere.iterdir()) and not new, "default: written to", new,
          *elsewhere.iterdir())

# nothing said of the place, which is /tmp; at the name that the trace will have is another's
# link, or directory, before the program is there
def planted(kind, form, attacker):
    """The program in /tmp under a pid that is known before: what became of it."""
    evil = HOME / f"evil-{kind}-{len(form)}-{attacker.name}"
    evil.mkdir()
    evil.chmod(0o777)
    env = dict(os.environ, **preload(cpu="off", heap_bytes=64, heap_hz=0, programs="w_leak"))
    proc = subprocess.Popen(["sh", "-c", 'echo $$; read go; exec "$@"', "sh", *map(str, form),
                             W / "w_leak", "20000"], cwd="/tmp", env=env, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    name = pathlib.Path(f"/tmp/prof-w_leak-{proc.stdout.readline().decode().strip()}")
    mine = [name, name.with_name(name.name + ".2")]
    try:
        plant = {"link": ["ln", "-s", evil, name], "dangling": ["ln", "-s", evil / "new", name],
                 "directory": ["mkdir", "-m", "777", name]}[kind]
        check(run(plant, attacker).status == 0, plant)
        out, err = proc.communicate(b"\n")
        check(proc.returncode == 0, kind, "status", proc.returncode, err)
        check(not list(evil.iterdir()), kind, form, "written through:", list(evil.iterdir()))
        check(name.is_symlink() or not list(name.iterdir()), kind, "written into another's")
        if kind == "directory":
            check(not err and stat.S_IMODE(mine[1].stat().st_mode) == 0o700, kind, err)
            check(mine[1].stat().st_uid == os.geteuid() and modes(mine[1]) == {0o600}, mine[1])
            prof("check", mine[1])
        else:
            check(b"cannot be made" in err and len(err.splitlines()) == 1, kind, "says", err)
    finally:
        proc.kill()
        for path in mine:
            path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)


for form in FORMS.values():
    for kind in ("link", "dangling", "directory"):
        for attacker in users():  # the kernel follows one's own links in /tmp
            planted(kind, form, attacker)

# what is there stays what it was
for form, wrap in FORMS.items():
    area = HOME / f"planted-{len(wrap)}"
    area.mkdir()
    target = area / "target"
    target.mkdir(mode=0o777)
    target.chmod(0o777)
    (target / "segment-000001.lz4").write_text("theirs")
    (area / "file").write_text("theirs")
    os.link(area / "file", area / "hard")
    os.mkfifo(area / "fifo")
    (area / "to-directory").symlink_to(target)
    (area / "to-file").symlink_to(area / "file")
    (area / "to-nothing").symlink_to(area / "nothing")
    before = snapshot(area)
    for name in ("file", "hard", "fifo", "to-directory", "to-file", "to-nothing"):
        ran = record(area / name, wrap)
        check(len(ran.err.splitlines()) == 1 and b"cannot be made" in ran.err, form, name, "says",
              ran.err)
    check(snapshot(area) == before, form, "changed:", snapshot(area))
    # a directory that was there: another one beside it, past links that stand in the way
    (area / "target.2").symlink_to(target)
    (area / "target.3").mkdir()
    before = snapshot(target)
    record(area / "target", wrap)
    is_private(area / "target.4", os.geteuid(), (form, "beside a directory"))
    check(snapshot(target) == before and not list((area / "target.3").iterdir()), form,
          "written into a directory that was there")

# eight at once with one name
together = HOME / "together"
together.mkdir()
threads = [threading.Thread(target=record, args=(together / "t",)) for _ in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
check(len(traces(together)) == 8, "of 8 programs with one name:", traces(together))
pids = {Profile(t).process["pid"] for t in traces(together)}
check(len(pids) == 8, "pids", pids)
for t in traces(together):
    is_private(t, os.geteuid(), "one of eight")


def busy(form, out, ms=700):
    env = dict(os.environ, **preload(out=out, cpu="off", heap_bytes=1, flush_ms=10,
                                     segment_bytes="64K", programs="w_log"))
    command = [*form, W / "w_log", HOME / "log", "single", "return", str(ms)]
    return subprocess.Popen([str(c) for c in command], env=env, cwd=HOME, stderr=subprocess.PIPE)


# swapped for a link, or for another directory of ours, while the program runs; where
# it is opened for each use nothing is written meanwhile, and all is well when it is back
for form, wrap in FORMS.items():
    for kind in ("link",) if wrap else ("link", "directory"):
        area = HOME / f"swapped-{kind}-{len(wrap)}"
        evil, trace, moved = area / "evil", area / "t", area / "moved"
        evil.mkdir(parents=True)
        proc = busy(wrap, trace, 60000)
        wait_for(lambda: len(segments(trace)) > 1, "a second segment")
        trace.rename(moved)
        if kind == "link":
            trace.symlink_to(evil)
        else:
            evil.rename(trace)
            evil = trace
        there = len(segments(moved))
        time.sleep(1.3 if wrap else 0.3)  # a failed write is tried again after a second
        check(not list(evil.iterdir()), form, kind, "written through:", list(evil.iterdir()))
        if wrap:
            trace.unlink()
            moved.rename(trace)
            moved = trace
        wait_for(lambda: len(segments(moved)) > there + 1, "segments where it was made")
        proc.kill()
        check(proc.wait() == -9 and not proc.stderr.read(), form, kind, proc.returncode)
        prof("check", moved)
        p = Profile(moved)
        check((p.losses["write_failed"] > 0) == bool(wrap), form, kind, p.losses)

# the name of a segment to come is taken, and so is the one it has before it is ready
trace = HOME / "names"
proc = busy([], trace, 60000)
wait_for(lambda: len(segments(trace)) > 1, "a second segment")
ahead = int(segments(trace)[-1].stem[-6:]) + 20
victim = HOME / "victim"
victim.write_text("theirs")
taken = [trace / f"segment-{ahead:06}.lz4", trace / f"segment-{ahead + 1:06}.lz4.new"]
for path in taken:
    path.symlink_to(victim)
wait_for(lambda: int(segments(trace)[-1].stem[-6:]) > ahead + 3, "segments after the taken names")
proc.kill()
check(proc.wait() == -9, "names: status", proc.returncode)
check(victim.read_text() == "theirs" and all(p.is_symlink() for p in taken), "written through a link")
for path in taken:
    path.unlink()
prof("json", trace, status=None)

# between the making of the directory and its opening
need("strace")
window = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mkdirat",
          "-e", "inject=mkdirat:delay_exit=400000"]
kinds = ("link", "other") if ROOT else ("link",)
for form, wrap in FORMS.items():
    for kind in kinds:
        area = HOME / f"window-{kind}-{len(wrap)}"
        evil = area / "evil"
        evil.mkdir(parents=True)
        if kind == "other":
            shutil.chown(evil, "nobody", "nogroup")
        evil.chmod(0o777)
        proc = busy([*window, *wrap], area / "t")
        wait_for(lambda: (area / "t").exists(), "the directory")
        (area / "t").rename(area / "moved")
        if kind == "link":
            (area / "t").symlink_to(evil)
        else:
            evil.rename(area / "t")
            evil = area / "t"
        err = proc.communicate()[1]
        check(proc.returncode == 21, form, kind, "window: status", proc.returncode, err)
        check(not list(evil.iterdir()), form, kind, "written into", list(evil.iterdir()))
        check(b"cannot be made" in err, form, kind, "window: says", err)
