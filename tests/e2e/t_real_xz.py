#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's `xz -T2`: two workers of liblzma take nearly all CPU time; the
compressed bytes are the same under both engines and for both users.

Nineteen in twenty samples are in liblzma, where six in ten are asked for.

limit: 180
false: 1e-20
"""
from lib import *

need("xz")
source = HOME / "input"
source.write_bytes(b"".join((b"%d some words, %x more; " % (i, i * 2654435761 % 2 ** 32))
                            for i in range(150_000)))
plain = source.read_bytes()

for user in users():
    mine = user.file(source)
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        command = ["/usr/bin/xz", "-T2", "-3", "--block-size=1MiB", "-kc", mine]
        bare = run(command, user)
        ran = run(command, user, preload(user, out=engine, cpu=engine, cpu_hz=499))
        same(bare, ran, what)
        p = Profile(user.home / engine)
        check_named(p)
        check_whole(p, root=p.frames, what=what)
        workers = sorted((t["cpu_ns"] for t in p.threads if not t["main"]), reverse=True)
        check(len(workers) == 2, what, "workers:", workers)
        check(sum(workers) > 0.7 * p.cpu() and workers[1] > 0.1 * workers[0], what,
              "CPU of the workers", workers)
        modules = p.raw["modules"]
        lzma = {i for i, f in enumerate(p.raw["frames"]) if f["module"] is not None
                and "liblzma" in modules[f["module"]]["path"]}
        leaf = sum(r["cpu_ns"] for r in p.raw["samples"]
                   if p.raw["stacks"][r["stack"]]["frame"] in lzma)
        check(leaf > 0.6 * p.cpu(), what, "in liblzma", leaf, "of", p.cpu())
        stacks = [s for t, s, _, _ in p.stacks() if not t["main"] and is_sampled(s)]
        check(all(any("start_thread" in f or "clone" in f or "liblzma" in f for f in s[:3])
                  for s in stacks),
              what, "roots of the workers:", {s[:2] for s in stacks})
check(run(["xz", "-dc"], stdin=ran.out).out == plain, "what xz wrote does not give the input back")
