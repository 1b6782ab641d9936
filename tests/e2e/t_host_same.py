#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The program comes first: programs that look at what a library could disturb
print the same to the byte and end the same, under both CPU engines, with every
allocation recorded, as root and as an ordinary user.  And each has a trace."""
from lib import *

PROGRAMS = (["w_fds"], ["w_setuid"], ["w_errno", 2000], ["w_closefds", 300], ["w_unshare"],
            ["w_cancel"],
            ["w_first_alloc"], ["w_mini", 3], ["w_sites", 1], ["w_exceptions", 5000],
            ["w_own_malloc"])

for user in users():
    for program, *args in PROGRAMS:
        file = user.file(W / program)
        bare = run([file, *args], user)
        for engine in ENGINES:
            out = f"{program}-{engine}"
            mean = 1 if program != "w_sites" else 65536
            ran = run([file, *args], user, preload(user, out=out, cpu=engine, heap_bytes=mean))
            same(bare, ran, f"{program} under {engine} as {user.name}:")
            p = Profile(user.home / out)
            check(p.process["state"] == "exit", program, "the trace says", p.process["state"])
            if program == "w_unshare":
                check(p.cpu("after_unshare") > 200e6, engine, user.name, "after unshare:",
                      p.cpu("after_unshare"))
                check(p.count(lambda s: "after_unshare" in s and is_sampled(s)) > 5, engine,
                      "no samples after unshare")
                check(p.site("main")["alloc_space"] >= 5000000, engine,
                      "nothing of the heap after unshare")
