#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`prof run -o DIR` gathers a process tree in one directory, which every
command reads as one: forks, shells, posix_spawn, an emptied environment."""
from lib import *

script = f"{W}/w_fork 60; ({W}/w_threads 60; exit 3) | cat; env -i {W}/w_mini 5; exit 9"
bare = run(["sh", "-c", script])
ran = run([PROF, "run", "-o", "tree", "--cpu-hz", "499", "sh", "-c", script])
check((ran.status, bare.status) == (9, 9), "status", ran.status, bare.status)
keys = lambda r: [line[:1] + line[-2:-1] * (line[0] == "thread") for line in r.lines]
check(keys(ran) == keys(bare), "output differs", ran.out)
found = {t.name: Profile(t) for t in traces(HOME / "tree")}
programs = sorted(p.process["program"] for p in found.values())
check(programs.count("w_fork") == 5 and "w_threads" in programs and "sh" in programs, "programs",
      programs)
check(b"tree" in ran.err.splitlines()[-1], "last line on stderr:", ran.err)
whole = json.loads(prof("json", "tree"))
check(len(whole["traces"]) == len(found), "json of the tree has", len(whole["traces"]), "of",
      len(found))
folded = prof("folded", "--processes", "--threads", "tree").splitlines()
roots = {line.split(";")[0].split("-")[0] for line in folded}
check({"w_fork", "w_threads"} <= roots, "--processes: roots", roots)
total = sum(int(line.rsplit(" ", 1)[1]) for line in folded)
parts = sum(ns for p in found.values() for *_, ns in p.stacks())
check(total == parts, "folded says", total, "json", parts)
spawn = f"""import os
os.waitpid(os.posix_spawn("{W}/w_frames40", ["x", "100"], os.environ), 0)
os.system("{W}/w_mini")"""
ran = run([PROF, "run", "-o", "spawn", "python3", "-c", spawn])
check(ran.status == 0, "posix_spawn: status", ran.status, ran.err)
programs = {Profile(t).process["program"] for t in traces(HOME / "spawn")}
check({"w_frames40", "w_mini"} <= programs, "posix_spawn: programs", programs)
