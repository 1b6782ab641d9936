#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory before our constructor and after our destructor: another preloaded
library, before us or behind us, makes the first allocation by each entry, or
resolves symbols before we have; and we stand it to be named twice."""
from lib import *

EARLY = W / "p_early.so"
for kind in ("malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "valloc",
             "free",
             "usable", "dlsym"):
    for order in ([LIB, EARLY], [EARLY, LIB]):
        env = dict(settings(out="t-%p", heap_bytes=1, cpu="off"), EARLY=kind,
                   LD_PRELOAD=":".join(map(str, order)))
        bare = run([W / "w_mini", 4], env={"LD_PRELOAD": EARLY, "EARLY": kind})
        same(bare, run([W / "w_mini", 4], env=env), f"{kind} with {[p.name for p in order]}:")
for extra in ([LIB], ["/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"]):
    for order in ([LIB, *extra], [*extra, LIB]):
        if not all(map(os.path.exists, order)):
            continue
        env = dict(settings(out="u-%p", heap_bytes=1), LD_PRELOAD=":".join(map(str, order)))
        bare = run([W / "w_errno", 500], env={"LD_PRELOAD": extra[0]} if extra[0] != LIB else None)
        same(bare, run([W / "w_errno", 500], env=env), f"{order}:")
env = preload(out="bash-%p", heap_bytes=4096)
same(run(["bash", "-c", "x=1; echo $x; export y=2; env | grep -c ^y="]),
     run(["bash", "-c", "x=1; echo $x; export y=2; env | grep -c ^y="], env=env),
     "bash, which has its own getenv:")
check(run(["ldd", "/bin/true"], env=env).status == 0, "ldd fails")
check(run(["/lib64/ld-linux-x86-64.so.2", W / "w_mini", 4], env=preload(out="ld")).status == 4,
      "started by ld.so by hand")
same(run([W / "w_mini", 4]), run([W / "w_mini", 4], env=dict(preload(out="now"), LD_BIND_NOW="1")),
     "LD_BIND_NOW:")
check(traces(HOME), "no traces at all")
for trace in traces(HOME):
    prof("check", trace)
