#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole stacks without frame pointers: 40 frames, recursion that fits the
copied stack and one that does not, exceptions, fibers, signal handlers.

Of the samples among exceptions some 7 % are marked broken, and more than 20 % of 150 by chance
with a probability of 5e-8, at each of two engines.  The other shares are of samples that are
all whole.

false: 1e-7
"""
from lib import *

for engine in ENGINES:
    _, trace = work("w_frames40", 500, out=engine + "-40", cpu=engine, cpu_hz=999)
    p = Profile(trace)
    check_whole(p, what=engine)
    chain = tuple(f"frame_{i}" for i in range(39, -1, -1))
    at = lambda s: s.index("main") + 1 if "main" in s else 0
    full = p.count(lambda s: s[at(s):at(s) + 40] == chain)
    bottom = p.count(lambda s: "frame_0" in s)
    check(full >= 0.99 * bottom > 50, engine, full, "of", bottom, "samples have all 40 frames")

    ran, trace = work("w_recursion", 600, 300, out=engine + "-fits", cpu=engine, cpu_hz=999)
    p = Profile(trace)
    check(ran.rows("recursion")[0][1] < 14000, "the recursion does not fit the default copy")
    check_whole(p, what=engine + " recursion:")
    deep = p.count(lambda s: s.count("recurse") == 600)
    check(deep >= 0.95 * p.count(is_sampled), engine, deep, "samples show the depth of 600")

    _, trace = work("w_recursion", 20000, 300, out=engine + "-cut", cpu=engine, cpu_hz=999)
    p = Profile(trace)
    bottom = p.count(lambda s: "bottom" in s)
    cut = p.count(lambda s: s[0] == "[truncated]" and "bottom" in s)
    check(bottom > 20 and cut >= 0.95 * bottom, engine, cut, "of", bottom,
          "are [truncated] at the root")

    _, trace = work("w_recursion", 3000, 300, out=engine + "-wide", cpu=engine, cpu_hz=999,
                    stack_bytes=65528)
    check_whole(Profile(trace), what=engine + " LIBPROF_STACK_BYTES=65528:")

    _, trace = work("w_exceptions", 150000, out=engine + "-cxx", cpu=engine, cpu_hz=999)
    p = Profile(trace)
    # libgcc writes the handler's registers over those its own frame saved while it goes
    # there: a sample in that moment is marked broken
    check_whole(p, 0.8, what=engine + " exceptions:")
    check(p.count(lambda s: "thrower(int)" in s and "void through<5>(int)" in s) > 20, engine,
          "no samples below the throwing frames", {s[-1] for _, s, _, _ in p.stacks()})

    _, trace = work("w_fibers", out=engine + "-fibers", cpu=engine, cpu_hz=999, heap_bytes=1)
    p = Profile(trace)
    handler = p.count(lambda s: "on_usr2" in s and is_sampled(s))
    seen = p.count(lambda s: "on_usr2" in s and is_sampled(s) and "main" in s)
    check(p.count(lambda s: "on_usr1" in s) > 3, engine, "no samples on the alternate stack")
    check(handler > 3 and seen >= 0.95 * handler, engine, seen, "of", handler,
          "samples in the handler reach main")
    fibers = p.count(lambda s: "fiber_body" in s and is_sampled(s))
    check(fibers > 20, engine, "samples on fibers:", fibers)
    check(p.site("fiber_allocates")["alloc_space"] == 2000 * 20000, engine, "fibers:",
          p.site("fiber_allocates"))
