#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs on jemalloc, tcmalloc (two builds) and mimalloc, preloaded in front of
the library and behind it: each behaves as it does on that allocator alone.

(That allocators may change errno where they succeed is theirs: w_errno is not run.)
Behind us the trace names the allocator and holds every call of w_family and
w_exact, operator new included; in front of us it says whose malloc hides the heap.

limit: 150
long: 3600
"""
import glob

from oracle import *

ALLOCATORS = [a for name in ("jemalloc.so.2", "tcmalloc_minimal.so.4", "tcmalloc.so.4",
                             "mimalloc.so.2") for a in glob.glob(f"/usr/lib/*/lib{name}")]
PYTHON = ("import threading, json\n"
          "def work(n): out[n] = len(json.dumps([{str(i): [i] * n} for i in range(800)]))\n"
          "out = {}\n"
          "ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
          "[t.start() for t in ts], [t.join() for t in ts]\n"
          "print(sorted(out.items()))")
PROGRAMS = {"family": [W / "w_family", "x"], "first": [W / "w_first_alloc"], "python": ["/usr/bin/python3", "-c", PYTHON],
            "mini": [W / "w_mini", 3], "exceptions": [W / "w_exceptions", 500],
            "cancel": [W / "w_cancel"], "setuid": [W / "w_setuid"], "fds": [W / "w_fds"],
            "unshare": [W / "w_unshare"], "closefds": [W / "w_closefds", 300]}
SHORT = ("first", "python")


def named(allocator):
    return pathlib.Path(allocator).name.split(".")[0].removeprefix("lib")


def ours(command, order, setting):
    """The program on an allocator and the library, in this order; its profile."""
    out = HOME / "trace"
    shutil.rmtree(out, ignore_errors=True)
    env = dict(settings(out=out, **setting), LD_PRELOAD=":".join(map(str, order)))
    return run(command, env=env), Profile(out)


def check_family(allocator, setting):
    """In front and behind; behind, the truth to the call and byte."""
    command = [W / "w_family", "x"]
    bare = run(command, env={"LD_PRELOAD": allocator})
    check(bare.status == 0, allocator, "bare:", bare.out.decode())
    ran, p = ours(command, [LIB, allocator], dict(setting, heap_bytes=1))
    same(bare, ran, f"w_family on {named(allocator)} {setting}")
    check(p.heap_engine == "program" and f"{named(allocator)}.so" in json.dumps(p.raw["engines"]),
          "the trace says", p.raw["engines"])
    check(not sum(p.losses.values()), p.losses)
    wrong = [f"{name}: {got}, did {(calls, total)}" for name, calls, total in ran.rows("site")
             if ((got := p.site(name))["alloc_objects"], got["alloc_space"]) != (calls, total)
             or got["inuse_objects"]]
    check(len(ran.rows("site")) == 12 and not wrong, allocator, setting, *wrong)
    ran, p = ours(command, [allocator, LIB], dict(setting, heap_bytes=1))
    same(bare, ran, f"w_family behind {named(allocator)} {setting}")
    said = json.dumps(p.raw["engines"])
    check(p.heap_engine == "off" and f"{named(allocator)}.so" in said
          and "in front of libprof.so" in said, "the trace says", said)


def check_totals(allocator, setting):
    """Sampled: exact totals of a thread, whatever the mean."""
    if "jemalloc" in allocator:
        return  # has no pvalloc: w_exact mixes glibc's with its own, and crashes on it bare
    ran, p = ours([W / "w_exact"], [LIB, allocator], setting)
    check(ran.status == 0, allocator, "w_exact:", ran.status)
    (_, calls, total), = ran.rows("thread")
    thread, = [t for t in p.threads if not t["main"]]  # it may have left before it was named
    got = thread["alloc_calls"] - calls, thread["alloc_bytes"] - total
    # to mimalloc realloc(p, 0) is an allocation of no bytes: 100 calls
    check(got[1] == 0 and got[0] == 100 * ("mimalloc" in allocator), allocator, setting, "totals are off by", got)


check(len(ALLOCATORS) == 4, "allocators found:", ALLOCATORS)
workloads = []
for at, allocator in enumerate(ALLOCATORS):
    for cpu in ENGINES if LONG else [ENGINES[at % 2]]:
        check_family(allocator, dict(cpu=cpu))
        check_totals(allocator, dict(cpu=cpu))
    for place in ("first", "last"):
        for name in PROGRAMS if LONG else SHORT:
            workloads.append(Workload(f"{name}-{named(allocator)}-{place}", PROGRAMS[name],
                                      **{place: allocator},
                                      status=3 if name == "mini" else 0))
    if LONG:
        redis = Workload("redis")
        redis.name += f"-{named(allocator)}"
        redis.options[("first", "last")[at % 2]] = allocator
        workloads.append(redis)
measured("oracle", "every entry of four allocators behind the library",
         f"{len(ALLOCATORS)} allocators, 600 calls each", "every call and byte accounted for")
conform(*workloads)
