#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""With libc6-dbg installed libc's internal functions get their names through
the build id; functions of a stripped program are made up, one a function."""
from lib import *

need("sort")
(HOME / "lines").write_text("\n".join(str(i * 7919 % 1000003) for i in range(300_000)))
command = ["/usr/bin/sort", "--parallel=1", "lines"]
same(run(command), run(command, env=preload(out="t", cpu="perf", cpu_hz=999)))
libc = [m for m in Profile("t").raw["modules"] if m["path"].endswith("/libc.so.6")]
check(libc and libc[0]["build_id"], "libc:", libc)
build_id = libc[0]["build_id"]
debug = pathlib.Path(f"/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug")


def libc_names(p):
    index = [i for i, m in enumerate(p.raw["modules"]) if m["path"].endswith("/libc.so.6")]
    return {f["name"] for f in p.raw["functions"] if f["module"] in index}


stripped = [i for i, m in enumerate(Profile("t").raw["modules"]) if m["path"].endswith("/sort")]
without = {f["name"] for f in Profile("t").raw["functions"] if f["module"] in stripped}
check(any("!fn_" in n for n in without), "no made-up names in the stripped program:", without)
if not debug.exists():
    skip("libc6-dbg is not installed for this libc; the rest passed")
names = libc_names(Profile("t"))
check(not any("!fn_" in n for n in names), "libc6-dbg is there, yet:",
      {n for n in names if "!fn_" in n})
check(names & {"__libc_start_call_main", "__libc_start_main_impl"}, "no start function among",
      sorted(names))
