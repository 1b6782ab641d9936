#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checklist's tests can fail: on the careless library of tests/naive/ a handful of
its items, one or more of each kind, fare as tests/PITFALLS.md says, and a row that says
otherwise is found out.  `make check-naive` runs them all.

limit: 120
"""
from lib import *

ITEMS = ("17", "23", "26", "7", "28", "24", "44", "25", "55")
FLAGS = ("-std=gnu11", "-O2", "-g", "-fomit-frame-pointer", "-fPIC", "-fno-builtin", "-shared")
# liblzma as a DT_NEEDED entry is one of its mistakes.
LIBRARIES = ("-Wl,--no-as-needed", "-l:liblzma.so.5", "-ldl", "-lpthread")

need("gcc")
naive = HOME / "libnaive.so"
done = run(["gcc", *FLAGS, "-o", naive, *sorted((SRC / "tests/naive").glob("*.c")), *LIBRARIES])
check(done.status == 0, "gcc:", done.err.decode())
table = (SRC / "tests/PITFALLS.md").read_text()
said = {row.split("|")[1].strip(): row.split("|")[5].strip() for row in table.splitlines()
        if row.startswith("| ")}
check({said[i] for i in ITEMS} == {"program", "shape", "records", "passes"}, "of each kind:",
      {i: said[i] for i in ITEMS})
ran = run([SRC / "tests/naive/run", "--library", naive, *ITEMS], timeout=100)
check(ran.status == 0, ran.out.decode(), ran.err.decode())
check(set(ITEMS) <= {line[0] for line in ran.lines}, "items:", ran.out.decode())
# the library itself in its place: what spoils no program is not said to
ran = run([SRC / "tests/naive/run", "--library", LIB, "16"], timeout=100)
check(ran.status == 1 and b"16: passed, the table says program" in ran.err, ran.status, ran.out,
      ran.err)
