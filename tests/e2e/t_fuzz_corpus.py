#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The kept inputs of every fuzz target once more, under the sanitizers: what
was found once does not come back, and what was reached stays reached."""
from lib import *

FUZZ = SRC / "tests/fuzz"
REPLAY = SRC / "build-address,undefined/tests/fuzz"
targets = sorted(f.stem for f in FUZZ.glob("fuzz_*.c"))
if not all((REPLAY / t).exists() for t in targets):
    skip("not built: make fuzz-replay")
for target in targets:
    kept = FUZZ / "corpus" / target.removeprefix("fuzz_")
    wanted = sum(1 for f in kept.iterdir())
    ran = run([REPLAY / target, kept], env={"G_SLICE": "always-malloc"})
    check(ran.status == 0 and ran.out == b"%d inputs\n" % wanted, target, "-> status", ran.status,
          ran.out[-200:], ran.err[-4000:].decode(errors="replace"))
    note(target, wanted, "inputs")
