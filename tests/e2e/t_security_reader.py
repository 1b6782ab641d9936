#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What prof writes and asks for: an output file is new under a name of its own, with
the mode that the umask leaves or that the file had; a link at the name is replaced and
what it points to stays; nothing else is left, whether it went well or not; no server is
asked for debug files unless that was wanted."""
import socket
import stat

from lib import *

need("strip")
stripped = HOME / "stripped"
shutil.copy(W / "w_exits", stripped)
check(run(["strip", stripped]).status == 0, "strip")
ran = run([stripped, "exit"], env=preload(out="t", heap_bytes=1, cpu_hz=999))
check(ran.status == 21, "status", ran.status, ran.err)
trace, area = HOME / "t", HOME / "area"
area.mkdir()
victim = area / "victim"
victim.write_text("theirs")


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def write(name, umask=0o022, status=0, command=("json",)):
    done = run(["sh", "-c", f'umask {umask:o}; exec "$@"', "sh", PROF, *command, "-o", area / name,
                trace])
    check((done.status == 0) == (status == 0), name, "status", done.status, done.err)
    return area / name


for command in (["json"], ["report"], ["folded"], ["dump"], ["check"]):
    for umask, want in ((0o022, 0o644), (0o077, 0o600), (0, 0o666)):
        path = write("new", umask, command=command)
        check(mode(path) == want, command, "umask", oct(umask), "gave", oct(mode(path)))
        path.unlink()
private = area / "private"
private.touch(mode=0o600)
check(mode(write("private", 0)) == 0o600 and private.stat().st_size > 1000,
      "a private file became", oct(mode(private)))
for name, to in (("link", victim), ("dangling", area / "nothing")):
    (area / name).symlink_to(to)
    path = write(name)
    check(path.is_file() and not path.is_symlink() and path.stat().st_size > 1000, name)
os.link(victim, area / "hard")
check(write("hard").stat().st_size > 1000, "hard link")
check(victim.read_text() == "theirs" and not (area / "nothing").exists(), "written through a link")
(area / "directory").mkdir()
write("directory", status=1)
write("no/such", status=1)
if ROOT and os.path.exists("/dev/full"):
    (area / "full").symlink_to("/dev/full")
    write("full", status=1)
    check((area / "full").is_symlink(), "a device was replaced")
    (area / "full").unlink()
left = {p.name for p in area.iterdir()}
check(left == {"victim", "private", "link", "dangling", "hard", "directory"}, "left:", left)
check(not list((area / "directory").iterdir()), "in the directory:", left)

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(8)
server.settimeout(0.2)
url = "http://127.0.0.1:%d" % server.getsockname()[1]
for command in ("report", "json", "folded"):
    ran = run([PROF, command, trace], env={"DEBUGINFOD_URLS": url, "DEBUGINFOD_TIMEOUT": "1",
                                           "DEBUGINFOD_CACHE_PATH": str(HOME / "cache")})
    check(ran.status == 0, command, ran.err)
    try:
        server.accept()
        fail(f"{command} asked a server that nobody allowed")
    except TimeoutError:
        pass
check(not (HOME / "cache").exists(), "a cache was made")
