#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""jemalloc's own sampling as engine: in a program linked with it (found by
`auto` when its profiling is on) and preloaded behind us by `prof run`; a
program that carries its own malloc is told so.

17 figures within Bernstein's bound at 1e-6; what lies outside of these bounds, summed exactly
over the binomials, is 4.4e-7 for all together.

false: 5e-7
"""
from lib import *

CONF = {"MALLOC_CONF": "prof:true,prof_active:true,lg_prof_sample:16"}
for heap in ("auto", "jemalloc"):
    ran, trace = work("w_jemalloc", out=heap, cpu="off", heap=heap, heap_bytes="64K", env=CONF)
    p = Profile(trace)
    check(p.heap_engine.startswith("jemalloc 5."), heap, p.heap_engine)
    mean = p.mean
    check(mean == 65536, heap, "mean", mean)
    for name, calls, _, live, _, size in ran.rows("site"):
        check_heap(p.site(name)["alloc_space"], calls, size, mean, f"{heap}: {name}")
        check_heap(p.site(name)["inuse_space"], live, size, mean, f"{heap}: {name} live")

ran, trace = work("w_jemalloc", out="without", cpu="off", heap_bytes="64K", heap_hz=0)
p = Profile(trace)
check(p.heap_engine == "program", "jemalloc without profiling:", p.heap_engine)
for name, calls, _, live, _, size in ran.rows("site"):
    check_heap(p.site(name)["inuse_space"], live, size, 65536, f"in front of jemalloc: {name} live")

bare = run([W / "w_sites", 1])
ran = run([PROF, "run", "--heap", "jemalloc", "--heap-bytes", "64K", "--cpu", "off", "--out", "run",
           W / "w_sites", 1])
check((ran.status, ran.out) == (bare.status, bare.out), "prof run --heap jemalloc:", ran.status,
      ran.err.decode())
p = Profile(HOME / "run")
check(p.heap_engine.startswith("jemalloc 5."), "preloaded:", p.heap_engine)
for name, calls, _, live, _, size in ran.rows("site"):
    if not name.startswith("site_strdup"):
        # jemalloc counts the size it rounded up to, so calls are compared, not bytes
        check_heap(p.site(name)["alloc_objects"] * size, calls, size, p.mean, f"preloaded: {name}")

_, trace = work("w_own_malloc", out="own", cpu="perf", heap_bytes=1)
p = Profile(trace)
check(any("heap not visible" in e["text"] for e in p.events), "own malloc:", p.events)
check(p.cpu("main") > 150e6, "own malloc: CPU", p.cpu("main"))
