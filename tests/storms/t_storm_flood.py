#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: four threads allocate as fast as they can, blocks of 16 bytes and of
64 KiB (gigabytes a second), until the ring is full.  Every call: none waits much
longer than the 100 ms it may.  Sampled: nobody waits, and what was recorded and
lost is what sampling must give: four sums, eight in the long form; the exact binomial leaves
at most 7e-8 outside of each one's bound (lib.check_share).

limit: 180
long: 900
false: 3e-7
false-long: 6e-7
"""
from storm import *

THREADS = 4
# A call may wait 100 ms for room (t_storm_wait counts that); a busy machine adds its own.
LONGEST_NS = 3_000_000_000
MEMORY_KIB = 32 << 10
SIZES = {"small": 16, "large": 64 << 10}


def word(ran, key):
    (n,), = ran.rows(key)
    return n


def examine_exact(what, ran, top, found):
    longest, slept = word(ran, "longest"), word(ran, "slept")
    note(f"{what}: longest call {longest / 1e6:.1f} ms, {slept} sleeps")
    check(longest < LONGEST_NS, what, "a call took", longest, "ns")
    check(slept > 0, what, "the ring was never full: no storm")


def sampled(kind, engine, user):
    what, top = f"{kind} {engine} {user.name}", user.home / f"sampled-{engine}-{kind}"
    command = [user.file(W / "w_storm_flood"), LONG_S if LONG else 1.5, kind, THREADS]
    bare = run_limited([*command[:1], 0.3, *command[2:]], user, {}, 60)
    ran = run_limited(command, user, preload(user, out=top, cpu=engine, cpu_hz=1000,
                                             heap_hz=0, limit_bytes=0), 600)
    compare(what, bare, ran)
    p, = documents(top)
    (_, calls, *_), = ran.rows("calls")
    lost = sum(p.losses[name] for name in ALLOC_LOSSES)
    counted = sum(t["alloc_calls"] for t in p.threads) + p.process["ended_before"]["alloc_calls"]
    check(0 <= counted - calls < 100, what, calls, "calls, counted", counted)
    site, size = p.site("storm_malloc"), SIZES[kind]
    check_share(calls, site["alloc_n"] + lost, -math.expm1(-size / p.mean), what)
    check(site["inuse_n"] <= p.losses["free_ring_full"], what, "alive:", site, p.losses)
    # Locks are held for so short a time that hardly anybody meets one; waits for the ring
    # would be a thousand a second.
    check(word(ran, "slept") <= word(bare, "slept") + calls / 1000, what, word(ran, "slept"),
          "sleeps in", calls, "calls")
    more = word(ran, "peak") - word(bare, "peak")
    check(more <= MEMORY_KIB, what, more, "KiB more resident")
    note(f"{what}: {calls} calls, {lost} lost, {word(ran, 'slept')} sleeps, {more} KiB more")
    measured("storms", f"flood of {kind} blocks, sampled, {engine}, {user.name}",
             f"{calls:,} allocations of {size:,} bytes",
             f"{lost:,} of {site['alloc_n'] + lost:,} samples; {more:,} KiB more resident, "
             f"longest call {word(ran, 'longest') / 1e6:.0f} ms")


for kind in SIZES:
    storm("w_storm_flood", kind, THREADS, name=f"flood of {kind} blocks, every one recorded",
          short_s=1, examine=examine_exact)
    for user in users() if LONG else users()[:1]:
        for engine in ENGINES:
            sampled(kind, engine, user)
