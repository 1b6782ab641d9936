#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gcc compiling and linking: a trace for each process of the tree, the work in
cc1, the program it makes the same to the byte; both engines, both users.

Nineteen in twenty samples of 250 and more are in functions of cc1, where eight in ten are asked
for.

limit: 180
false: 1e-12
"""
from lib import *

need("gcc")
LINES = ["#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>"]
LINES += [f"int f{i}(int x) {{ for (int k = 0; k < x; k++) if (k % {i + 2} == 1) "
          f"x += k * {i} - x / {i + 3}; return x ^ {i}; }}" for i in range(250)]
LINES += ["int main(void) { int s = 0;", *(f"s += f{i}({i});" for i in range(250))]
LINES += ['printf("%d\\n", s); return 0; }']

for user in users():
    source = user.home / "input.c"
    source.write_text("\n".join(LINES))
    command = ["gcc", "-O2", "-o", "program", "input.c"]
    bare = run(command, user)
    check(bare.status == 0, "gcc itself fails", bare.err)
    wanted = (user.home / "program").read_bytes()
    for engine in ENGINES:
        what = f"{engine} as {user.name}:"
        (user.home / "program").unlink()
        env = preload(user, out=user.home / f"{engine}-%e-%p", cpu=engine, cpu_hz=499,
                      stack_bytes=65528)
        same(bare, run(command, user, env), what)
        check((user.home / "program").read_bytes() == wanted, what, "the program differs")
        found = {}
        for trace in user.home.glob(engine + "-*"):
            p = Profile(trace)
            found[p.process["program"]] = p
            check(p.process["state"] in ("exit", "exec"), what, trace.name, "ended as",
                  p.process["state"])
        linker = {"ld", "ld.bfd", "x86_64-linux-gnu-ld.bfd"} & set(found)
        check({"cc1", "collect2"} <= set(found) and linker, what, "programs", sorted(found))
        check(any("as" == n or n.endswith("-as") for n in found), what, "no assembler among",
              sorted(found))
        check(any("gcc" in n for n in found), what, "no driver among", sorted(found))
        cc1 = found["cc1"]
        check(cc1.cpu() > 0.5 * sum(p.cpu() for p in found.values()), what, "CPU of cc1", cc1.cpu())
        check_named(cc1)
        check_whole(cc1, 0.95, root=cc1.frames, what=what)
        named = sum(ns for _, s, _, ns in cc1.stacks() if is_sampled(s)
                    and any("cc1!fn_" in f or "main" in f for f in s))
        check(named > 0.8 * cc1.cpu(), what, "functions of cc1:", named, "of", cc1.cpu())
        check(sum(r["alloc_space"] for _, _, r in cc1.rows("heap")) > 1e6, what, "heap of cc1")
