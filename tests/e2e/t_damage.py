#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged, truncated, empty and foreign files: `prof: FILE: offset N: what:
why`, what is readable is used, exit status 1 or 2.  Random damage, frame by
frame, is in t_damage_frames.py."""
import re

from lib import *

_, trace = work("w_threads", 150, cpu="perf", cpu_hz=999, heap_bytes=1, flush_ms=20)
good, = segments(trace)
data = good.read_bytes()
home = HOME
bad = home / "segment-000001.lz4"
prof("check", trace)


def look(what, content, statuses=(1, 2), commands=(["check"], ["folded"])):
    bad.write_bytes(content)
    for command in commands:
        ran = run([PROF, *command, bad])
        check(ran.status in statuses, what, command, "-> status", ran.status,
              ran.err.decode()[-300:])
        lines = ran.err.decode(errors="replace").splitlines()
        # losses that a reader without the lost part cannot know are no concern here
        check(ran.status == 0 or any(re.match(rf"prof: {re.escape(str(bad))}: (offset \d+: )?.+",
                                              e) for e in lines),
              what, command, "says", lines)
        check(ran.status != 0 or not any("offset" in e for e in lines), what, command,
              "is good, but says", lines)
    return ran


look("empty", b"", (2,))
look("foreign", b"#!/bin/sh\necho hello\n" * 100, (2,))
look("zeros", bytes(100000), (2,))
look("an ELF file", (W / "w_mini").read_bytes(), (2,))
look("another lz4 file", run(["lz4", "-c", W / "w_mini"]).out, (2,))
look("header only", data[:40], (1, 2))
ran = look("half", data[:len(data) // 2], (0, 1))
check(len(ran.out.splitlines()) > 2, "half a segment gives", ran.out)
future = bytearray(data)
future[16:20] = (99).to_bytes(2, "little") * 2
look("version and least reader version 99", bytes(future), (2,))
future[16:18] = data[16:18]
look("least reader version 99 of this version", bytes(future), (1,))

whole = len(prof("folded", trace).splitlines())
total = lambda text: sum(int(line.rsplit(None, 1)[1]) for line in text.splitlines())
samples = total(prof("folded", "--metric", "samples", trace))
for n in (4, 16, 100):
    ran = look(f"the first {n} bytes gone", bytes(n) + data[n:], (1,),
               (["check"], ["folded", "--metric", "samples"]))
    check(total(ran.out) == samples, "without a header", total(ran.out), "samples of", samples)
with open(bad, "wb") as f:
    f.write(data)
    f.truncate(1 << 40)
    f.seek((1 << 40) - len(data))
    f.write(data)
ran = run([PROF, "check", bad], timeout=20)
check(ran.status == 1 and ran.out.count(b"damaged in 1 places") == 1, "a terabyte of nothing between two copies:",
      ran.status, ran.out, ran.err)
bad.unlink()
middle = bytearray(data)
middle[len(data) // 2:len(data) // 2 + 64] = bytes(64)
ran = look("a hole in the middle", bytes(middle), (1,))
check(len(ran.out.splitlines()) > whole / 4, "a hole in the middle leaves",
      len(ran.out.splitlines()), "of", whole)
ran = run([PROF, "report", home / "not-there"])
check(ran.status == 2 and ran.err.startswith(b"prof: "), "a missing trace:", ran.status, ran.err)
ran = run([PROF, "report", "/etc"])
check(ran.status == 2 and ran.err.startswith(b"prof: "), "a directory without traces:", ran.status,
      ran.err)
