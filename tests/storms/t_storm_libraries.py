#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: 2,000 mapped libraries, each with a name, a SONAME and a build id of
its own; half are unloaded, and loaded and unloaded again.  What was allocated in
each is found under its own name.

limit: 300
long: 1800
"""
from storm import *

COUNT = 2000
DIRECTORY = HOME.parent / "libraries"
BUILD_ID_NOTE = bytes.fromhex("04000000 14000000 03000000") + b"GNU\0"


def make_libraries():
    DIRECTORY.mkdir()
    model = (W / "p_storm_lib.so").read_bytes()
    at = model.index(BUILD_ID_NOTE) + len(BUILD_ID_NOTE)
    check(model.count(b"lib0000") >= 3, "the model has no name to replace")
    for n in range(COUNT):
        build_id = n.to_bytes(4, "big") + model[at + 4:at + 20]
        copy = model[:at] + build_id + model[at + 20:]
        (DIRECTORY / f"lib{n:04}.so").write_bytes(copy.replace(b"lib0000", b"lib%04d" % n))


def examine(what, ran, top, found):
    trace, = traces(top)
    p = Profile(trace)
    recorded = {}
    for _, stack, row in p.rows("heap"):
        for name in stack[-3:]:
            if name.endswith("_allocates"):
                recorded[name] = recorded.get(name, 0) + row["alloc_n"]
    rows = ran.rows("lib")
    done = sum(calls for _, calls, _ in rows)
    lost = sum(p.losses[name] for name in ALLOC_LOSSES + ("no_stack", "stack_table_full"))
    wrong = [f"lib{n:04}: {calls} calls, recorded {recorded.get(f'lib{n:04}_allocates', 0)}"
             for n, calls, _ in rows if recorded.get(f"lib{n:04}_allocates", 0) != calls]
    check(len(rows) == COUNT and sum(recorded.values()) <= done, what, "recorded",
          sum(recorded.values()), "of", done)
    # Each lost call makes one library wrong.  Where a record of perf's is lost, it may have
    # been a mapping, and the libraries that lay there have the name of the one before.
    cpu_lost = p.losses["cpu_ring_full"] + p.losses["other_records"]
    note(what, "lost", cpu_lost, "records of perf's,", len(wrong), "libraries wrong")
    check(len(wrong) <= lost + cpu_lost, what, lost, "lost,", len(wrong), "wrong\n",
          "\n".join(wrong[:10]))
    sampled = sum(cpu > 0 and p.cpu(f"lib{n:04}_computes") > 0 for n, _, cpu in rows)
    note(what, f"{done} calls, {lost} lost; {sampled} of the libraries that compute have samples")
    check(sampled * 2 >= sum(cpu > 0 for _, _, cpu in rows), what, "only", sampled,
          "libraries have CPU samples")


make_libraries()
# Without perf's records each unloading waits until the writer has looked, up to half the time.
storm("w_storm_libs", DIRECTORY, COUNT, name=f"{COUNT:,} mapped libraries", short_s=2,
      engines=("perf",), only=("perf",), examine=examine)
COUNT = COUNT if LONG else 300
storm("w_storm_libs", DIRECTORY, COUNT, name=f"{COUNT:,} mapped libraries, timer engine",
      short_s=1, engines=("timer",), only=("timer",), examine=examine, least_limit=400)
