#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A trace directory that cannot be made, or that fills up: the program runs
untouched, one line says why when nothing at all could be recorded, and what
fitted on the disk can be read."""
from lib import *

bare = run([W / "w_exact"])
(HOME / "file").write_text("in the way")
cases = {"no parent": "no/such/dir/t", "a file in the way": "file/t", "too long": "x" * 300}
if not ROOT:
    (HOME / "locked").mkdir(mode=0o500)
    cases["not writable"] = "locked/t"
else:
    cases["proc"] = "/proc/t"
for what, out in cases.items():
    ran = run([W / "w_exact"], env=preload(out=out, heap_bytes=1))
    check((ran.status, ran.out) == (bare.status, bare.out), what, "changed the program:",
          ran.status, ran.out[-300:])
    lines = ran.err.decode().splitlines()
    check(len(lines) == 1 and out[:60] in lines[0], what, "says", lines)

ran = run(["grep", "^SigCgt", "/proc/self/status"], env=preload(out="no/such/dir/t", cpu="timer"))
check(not int(ran.out.split()[1], 16) >> 26 & 1, "SIGPROF stays caught where nothing is recorded:", ran.out)

if ROOT:
    nobody = users()[1]
    closed = HOME / "closed"
    closed.mkdir(mode=0o755)
    ran = run([nobody.file(W / "w_exact")], nobody, preload(nobody, out=closed / "t"))
    check((ran.status, ran.out) == (bare.status, bare.out), "no permission: status", ran.status)
    check(b"closed/t" in ran.err and len(ran.err.splitlines()) == 1, "no permission says", ran.err)

    small = HOME / "small"
    small.mkdir()
    if run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small]).status:
        skip("cannot mount a small file system; the rest passed")
    try:
        bare = run([W / "w_leak", 100000])
        ran = run([W / "w_leak", 100000], env=preload(out=small / "t", heap_bytes=1, cpu="off",
                                                      segment_bytes="64K",
                                                          flush_ms=10))
        check((ran.status, ran.out) == (bare.status, bare.out), "full disk changed the program:",
              ran.status, ran.err)
        check(len(ran.err.splitlines()) <= 1, "full disk says", ran.err)
        for s in segments(small / "t"):
            check(run(["lz4", "-t", "-q", s]).status == 0, "full disk: lz4 -t refuses", s)
        p = Profile(small / "t", status=None)
        check(p.site("churn_block")["alloc_objects"] > 100, "full disk: nothing of it can be read")
        check(p.losses["write_failed"] > 0 or p.losses["segment_dropped"] > 0, "full disk: losses",
              p.losses)
    finally:
        run(["umount", small])
