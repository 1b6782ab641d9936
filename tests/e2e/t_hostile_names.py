#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names that would command a terminal, break a line or a format, or are a
mebibyte long, wherever a name can come from: they come out of every command as
UTF-8 that does nothing, and the output has the shape it has with plain names.  Those of
a compiled file, its debug information and its PLT are in t_hostile_symbols.

limit: 120
long: 300
"""
import atexit

from hostile import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace

PID = 4_000_000_000 + os.getpid()  # no process has it: the map is ours
MAP = pathlib.Path(f"/tmp/perf-{PID}.map")
BASE = 0x10000  # of the code in the file, above its names


def elf_name(name):
    """A symbol ends at its first NUL; the long one goes to the JIT map."""
    return name.replace(b"\0", b"")[:4096]


def make(directory, names):
    """A trace whose every name is one of these, and the file its code is in."""
    code = directory / "app"
    code.write_bytes(mktrace.elf([(elf_name(n), BASE + 64 * i, 64) for i, n in enumerate(names)],
                                 mktrace.BUILD_ID, BASE))
    MAP.write_bytes(b"".join(b"%x 40 %s\n" % (0x7F0000000000 + 64 * i, n.replace(b"\n", b" "))
                             for i, n in enumerate(names)))
    text = {key: names[i % len(names)] for i, key in enumerate((3, 4, 5, 9, 10, 11, 12, 13, 14, 21,
                                                                23, 25, 29))}
    # The header holds a mebibyte in all: its names are cut.
    header = {f"k{k}": (v if len(v) < 4096 else v[:30000]) for k, v in text.items()}
    s = mktrace.Trace(pid=PID, settings=[], k17=os.getuid(), **header).segment()
    for i, name in enumerate(names):
        payload = b"LIBPROF_OUT=" + name[:4096]
        s.record(200 + i % 20, payload)
        s.engine(i, 1 + i % 3, 3, 0, name, name)
    m = s.mapping(str(code), 0x400000, 0x500000, mktrace.BUILD_ID, load_bias=0x400000)
    jit = s.mapping(None, 0x7F0000000000, 0x7F0000100000, flags=mktrace.ANON, load_bias=0)
    for i, name in enumerate(names):
        gone = s.mapping(b"/gone/" + name, 0x1000000 * (i + 2), 0x1000000 * (i + 2) + 0x1000)
        own = s.stack((m, BASE + 64 * i + 4), (jit, 64 * i + 4), (gone, 0x10))
        s.thread(i + 1, 5000 + i, name, mktrace.MAIN if i == 0 else 0)
        s.samples(10**6 * i, 10**7, [(10**6 * i, i + 1, 0, 0, 1, own)])
        s.heap(10**6 * i, 1, [(10**6 * i, i + 1, i + 1, 100, own)])
        s.frame()
    s.end(10**9).write(str(directory), 1)


need("prlimit")
atexit.register(lambda: MAP.unlink(missing_ok=True))
check(not MAP.exists(), MAP, "is in the way")
for name, names in (("plain", PLAIN), ("hostile", HOSTILE)):
    (HOME / name).mkdir()
    make(HOME / name, names)
    if name == "plain":
        shapes = [look(words, HOME / name)[0] for words in COMMANDS]
        continue
    for words, shape in zip(COMMANDS, shapes):
        got, document = look(words, HOME / name)
        check(got == shape, words, "has another shape than with plain names:", got, "not", shape)
        if document:
            named = {t["name"] for t in document["threads"]}
            for wanted in ("semi;colon 42", "<script>alert(1)</script>&\"'`$(x)", "nul inside",
                           "sep\u2028par\u2029nel\u0085", "new\nline\r\ttab\x0b\x0c"):
                check(wanted in named, "the JSON does not give a thread's name back:", wanted, named)
            functions = {f["name"] for f in document["functions"]}
            check({"semi;colon 42", "../../../etc/passwd", "{\"a\": \"\\u0000\\\"}"} <= functions,
                  "functions of the file:", functions)

# Names of files, which are the user's own and come out in messages.
for i, name in enumerate(HOSTILE):
    name = name.replace(b"/", b"_").replace(b"\0", b"")[:200]
    where = os.fsencode(HOME) + b"/f%d-" % i + name
    shutil.copytree(os.fsencode(HOME / "plain"), where)
    with open(where + b"/segment-000001.lz4", "r+b") as f:
        f.seek(300)
        f.write(bytes(40))
    for words in (["check"], ["report"], ["dump"]):
        done = run([PROF, *words, os.fsdecode(where)])
        harmless(f"{words} of a file called {name!r}", done.out + done.err)
        check(done.status in (0, 1), words, name, "-> status", done.status)
measured("inputs", f"{len(HOSTILE)} hostile names in every field, symbol, map and path",
         f"{len(COMMANDS)} commands", "UTF-8 without controls, same shape as with plain names")
