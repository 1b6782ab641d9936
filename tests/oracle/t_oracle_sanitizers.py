#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs built with a sanitizer, by gcc and by clang, and programs under
valgrind: what is found in them is found with the library preloaded too, and
nothing else, which is more than a library of no contents can spoil.  The
library stands aside there, and its trace says why.

gcc's AddressSanitizer refuses to start behind any preloaded library; that is
compared with an empty one's effect.

limit: 150
long: 900
"""
import re

from lib import *

need("gcc", "clang", "valgrind")

FAULTS = ["none", "used", "past", "lost", "race", "undefined"]
SANITIZERS = {"address": "AddressSanitizer", "thread": "ThreadSanitizer",
              "leak": "LeakSanitizer", "memory": "MemorySanitizer"}
FINDS = {"address": {"used", "past", "lost"}, "thread": {"used", "race"}, "leak": {"lost"},
         "memory": {"used", "undefined"}, "valgrind": {"used", "past", "lost", "undefined"}}
SETTINGS = [dict(cpu="perf"), dict(cpu="timer", heap_bytes=1, cpu_hz=2000)]
if LONG:
    SETTINGS += [dict(cpu="timer"), dict(cpu="perf", heap_bytes=1, cpu_hz=2000)]
SOURCE = SRC / "tests/work/w_wrong.c"
OPTIONS = {"ASAN_OPTIONS": "color=never", "TSAN_OPTIONS": "color=never",
           "MSAN_OPTIONS": "color=never", "LSAN_OPTIONS": "color=never"}


def build(compiler, sanitizer):
    """The program, or None where the compiler lacks this sanitizer's runtime."""
    out = HOME / f"{compiler}-{sanitizer}"
    done = run([compiler, "-g", "-O1", "-fsanitize=" + sanitizer, "-o", out, SOURCE, "-pthread"])
    note(compiler, sanitizer, done.err.decode()[:300])
    return out if done.status == 0 else None


def report(text):
    """A report without what differs from run to run: ids, addresses, and the
    shadow memory around them, and frames that are in no module."""
    lines = re.sub(rb"0x[0-9a-f]+|==\d+==|\b(p|t)?id[ =]\d+|\(BuildId: \w+\)", b"", text,
                   flags=re.I).splitlines()
    return [line for line in lines if b"<unknown module>" not in line
            and not re.match(rb"(=>| *)[: ]*([0-9a-f]{2}[\[\] ])+", line)]


def observe(command, env):
    ran = run(command, env=dict(OPTIONS, **env))
    return ran.status, ran.out, report(ran.err)


def compare(what, command, bare, why, **setting):
    out = f"t-{what}-{'-'.join(map(str, setting.values()))}".replace(" ", "-")
    got = observe(command, preload(out=out, **setting))
    check(got == bare, what, setting, "status and report", got, "bare:", bare)
    denied = [Profile(t).raw["engines"] for t in traces(HOME) if t.name.startswith(out)]
    denied = [e for e in denied if why in json.dumps(e)]
    check(denied, what, setting, "no trace says", why)
    check(denied[-1]["cpu"]["name"] == denied[-1]["heap"]["name"] == "off", what, denied)


def found(bare, ran_clean):
    return bare[0] != 0 or bare[2] != ran_clean[2]


runs = 0
empty = HOME / "empty.so"
check(run(["gcc", "-shared", "-o", empty, "-x", "c", "/dev/null"]).status == 0, "no empty.so")
for compiler in ("gcc", "clang"):
    for sanitizer, name in SANITIZERS.items():
        program = build(compiler, sanitizer)
        if not program:
            check(compiler == "gcc" and sanitizer == "memory", compiler, "has no", sanitizer)
            continue
        clean = observe([program, "none"], {})
        check(clean[0] == 0 and clean[1] == b"done\n", compiler, sanitizer, clean)
        for fault in FAULTS if LONG else ["none", *sorted(FINDS[sanitizer])[-1:]]:
            bare = observe([program, fault], {})
            check(found(bare, clean) == (fault in FINDS[sanitizer]), compiler, sanitizer, fault,
                  "bare:", bare)
            for setting in SETTINGS:
                runs += 1
                if compiler == "gcc" and sanitizer == "address":
                    got = observe([program, fault], preload(out="none", **setting))
                    other = observe([program, fault], {"LD_PRELOAD": str(empty)})
                    check(got == other, "gcc address", fault, got, "behind an empty library:",
                          other)
                    first = run(["gcc", "-print-file-name=libasan.so"]).out.decode().strip()
                    env = preload(out="first", **setting)
                    env["LD_PRELOAD"] = first + ":" + env["LD_PRELOAD"]
                    got = observe([program, fault], env)
                    other = observe([program, fault], {"LD_PRELOAD": f"{first}:{empty}"})
                    check(got == other, "gcc address first", fault, got, "with an empty one:",
                          other)
                else:
                    compare(f"{compiler} {sanitizer} {fault}", [program, fault], bare,
                            f"runs under {name}", **setting)
memcheck = ["valgrind", "-q", "--leak-check=full", "--track-fds=yes", "--num-callers=4"]
clean = observe([*memcheck, W / "w_wrong", "none"], {})
for fault in FAULTS if LONG else ["none", "used"]:
    bare = observe([*memcheck, W / "w_wrong", fault], {})
    check(found(bare, clean) == (fault in FINDS["valgrind"]), "valgrind", fault, "bare:", bare)
    for setting in SETTINGS:
        runs += 1
        compare(f"memcheck {fault}", [*memcheck, W / "w_wrong", fault], bare,
                "runs under valgrind", **setting)
for tool in ("helgrind", "drd", "none", "massif", "callgrind") if LONG else ("none",):
    command = ["valgrind", "-q", "--tool=" + tool, W / "w_wrong", "race"]
    bare = observe(command, {})
    for setting in SETTINGS:
        runs += 1
        compare(tool, command, bare, "runs under valgrind", **setting)
measured("oracle", "programs under gcc's and clang's sanitizers, and under valgrind",
         f"{runs} runs of {len(FAULTS)} faults, {len(SETTINGS)} settings", "0 differences")
