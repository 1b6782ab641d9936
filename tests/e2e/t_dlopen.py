#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plugins opened and closed in turn, often at the same address: each one's CPU
time and memory carry its own names, never its twin's."""
from lib import *

for engine in ENGINES:
    ran, trace = work("w_dlopen", 15, 25, out=engine, cpu=engine, cpu_hz=499, heap_bytes=1)
    p = Profile(trace)
    check_whole(p, what=engine)
    check(ran.rows("reused")[0][0] > 3, "the plugins never shared an address: nothing is tested")
    truth = dict(ran.rows("plugin"))
    got = {name: p.cpu(name) for name in truth}
    for name, cpu_ns in truth.items():
        near(got[name], cpu_ns, 0.15, f"{engine} cpu of {name}")
    for _, stack, _, _ in p.stacks():
        check(not {"alpha_inner", "beta_inner"} <= set(stack), engine, "both plugins in one stack:",
              stack)
    modules = {m["path"].rsplit("/", 1)[-1] for m in p.raw["modules"]}
    check({"p_alpha.so", "p_beta.so"} <= modules, engine, "modules:", modules)
    sizes = {1000: 0, 3000: 0}
    for _, stack, row in p.rows("heap"):
        if "plugin_work" in stack:
            sizes[row["alloc_space"] // row["alloc_objects"]] += row["alloc_objects"]
    check(sizes == {1000: 0, 3000: 15} or sizes[3000] == 15, engine, "allocations of the plugins:",
          sizes)
