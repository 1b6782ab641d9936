#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A compiled library whose names were exchanged for hostile ones, one of them a
mebibyte long: functions in .symtab and .dynsym, functions, inlined functions, source
files and directories in DWARF, imports behind the PLT, its SONAME; and stripped ones whose
.gnu_debuglink names a file that is called so.  Every command puts out UTF-8 that does
nothing, of the shape it has with plain names, in 256 MiB.

limit: 120
long: 120
"""
import struct

from hostile import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace

KINDS = ("out", "in", "directory", "file", "plt")
STEP = 5  # bytes of code between the places that are looked up: calls are as long
BUILD_ID = "00112233445566778899aabbccddeeff01234567"
LINK = "k" * 200  # a file name
NAME_MOST = 65536  # bytes of a name that prof takes from a file


def without_nul(names):
    """A name in a table of strings ends at its first NUL."""
    return [n.replace(b"\0", b"") for n in names]


def holder(kind, i):
    """The name that the compiler sees, as long as the longest that takes its place."""
    length = len(LONG_NAME) if HOSTILE[i] is LONG_NAME else 100
    return (f"{kind}_{i:02}_".encode() + kind[:1].encode() * (length + 8)).decode()


def source():
    """For each name: a function, one inlined into it from a file of its own, and an import
    that this one calls."""
    text = "volatile int shared;\n"
    for i in range(len(HOSTILE)):
        out, inner, directory, file, plt = (holder(k, i) for k in KINDS)
        text += f"""
            extern int {plt}(int);
            #line 1 "/{directory}/{file}"
            static inline __attribute__((always_inline)) void {inner}(int x)
            {{ for (int i = 0; i < x; i++) shared += {plt}(i); }}
            #line 1 "/plain/{i}.c"
            __attribute__((noinline)) void {out}(int x) {{ {inner}(x); shared++; }}
            """
    return text


def gcc(out, text, *options):
    code = HOME / "code.c"
    code.write_text("\n".join(line.strip() for line in text.splitlines()))
    done = run(["gcc", "-g", "-O1", "-fPIC", "-shared", "-nostdlib", f"-Wl,--build-id=0x{BUILD_ID}",
                f"-Wl,-soname,{holder('soname', 0)}", "-o", out, code, *options])
    check(done.status == 0, "gcc:", done.err.decode()[-500:])


def symbols(path):
    """{name: (address, bytes)} of its functions."""
    rows = [line.split() for line in run(["nm", "-S", path]).out.decode().splitlines()]
    return {r[3]: (int(r[0], 16), int(r[1], 16)) for r in rows if len(r) == 4 and r[2] in "Tt"}


def places_in(path):
    """Addresses in its functions, some of each, and of its PLT's entries.  The long names
    are looked up once each: an event of `json --lines` has all names of its stack."""
    found = symbols(path)
    check(len(found) == len(HOSTILE), "functions:", len(found))
    for i, name in enumerate(HOSTILE):
        start, size = found[holder("out", i)]
        steps = range(start + 1, start + size, STEP)
        yield from steps[3:4] if name is LONG_NAME else steps[:4]
    plt, = re.findall(r" \.plt +PROGBITS +(\w+) +\w+ +(\w+)",
                      run(["readelf", "-SW", path]).out.decode())
    start, size = (int(x, 16) for x in plt)
    check(size == 16 * (1 + len(HOSTILE)), "imports:", size)
    yield from range(start + 18, start + size, 16)


def exchanged(data, names):
    """The file's bytes with each name in its holder's place; where it is shorter a NUL
    ends it and what follows is no one's.  An inlined function has a letter more than
    the one around it."""
    for i, name in enumerate(without_nul(names)):
        for kind in KINDS:
            old = holder(kind, i).encode()
            new = name + b"i" if kind == "in" else name
            check(len(new) <= len(old) and old + b"\0" in data, kind, i, "is not in the file")
            data = data.replace(old + b"\0", new.ljust(len(old), b"\0") + b"\0")
    old = holder("soname", 0).encode()
    check(old in data, "no SONAME")
    return data.replace(old, without_nul(names)[0].ljust(len(old), b"\0"))


def linked(directory, names):
    """Paths of stripped libraries, each beside the file that its .gnu_debuglink names: with
    the names that a file may have."""
    bare = (HOME / "bare.so").read_bytes()
    at = bare.index(LINK.encode())
    for i, name in enumerate(without_nul(names)):
        if b"/" in HOSTILE[i] or len(HOSTILE[i]) > len(LINK):
            continue
        place = directory / f"linked{i}"
        place.mkdir()
        shutil.copy(HOME / LINK, os.fsencode(place) + b"/" + name)
        (place / "lib.so").write_bytes(bare[:at] + name.ljust(len(LINK), b"\0") +
                                       bare[at + len(LINK):])
        yield place / "lib.so"


def build():
    """What both traces are made from: the library, and a small one with its debug file."""
    gcc(HOME / "app.so", source())
    whole, debug, bare = (HOME / n for n in ("whole.so", LINK, "bare.so"))
    gcc(whole, "int linked_function(int x) { return x * x; }")
    for command in (["objcopy", "--only-keep-debug", whole, debug],
                    ["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", whole, bare]):
        done = run(command)
        check(done.status == 0, command, done.err)
    return list(places_in(HOME / "app.so")), symbols(whole)["linked_function"][0]


def make(directory, names, places, linked_at):
    """A trace with a sample and a block at each of the places, and in each of the stripped
    libraries."""
    (directory / "app.so").write_bytes(exchanged((HOME / "app.so").read_bytes(), names))
    s = mktrace.Trace(settings=[]).segment()
    s.thread(1, 4242, "app", mktrace.MAIN)
    build_id = bytes.fromhex(BUILD_ID)
    m = s.mapping(str(directory / "app.so"), 0x400000, 0x800000, build_id, load_bias=0x400000)
    stacks = [s.stack((m, places[1]), (m, at)) for at in places]
    for i, path in enumerate(linked(directory, names)):
        own = s.mapping(str(path), 0x1000000 * (i + 1), 0x1000000 * (i + 1) + 0x10000, build_id,
                        load_bias=0x1000000 * (i + 1))
        stacks.append(s.stack((own, linked_at + 4)))
    for t, stack in enumerate(stacks):
        s.samples(10**6 * t, 10**7, [(10**6 * t, 1, 0, 0, 1, stack)])
        s.heap(10**6 * t, 1, [(10**6 * t, 1, t + 1, 100, stack)])
    s.end(10**9).write(str(directory), 1)
    return len(stacks)


def merged(shape):
    """Of folded stacks the sum for each depth: names that show nothing are one there."""
    if not isinstance(shape, list) or len(shape[0]) != 2:
        return shape
    sums = {}
    for depth, weight in shape:
        sums[depth] = sums.get(depth, 0) + int(weight)
    return sums


def check_names(document):
    """Those that are UTF-8 are in the JSON, byte for byte, of each kind."""
    functions = {f["name"] for f in document["functions"]}
    files = [f["file"] or "" for f in document["functions"]]
    debug = {os.path.basename(m["debug_file"] or "") for m in document["modules"]}
    check(any(f["inlined"] for f in document["frames"]), "nothing is inlined")
    for i, name in enumerate(without_nul(HOSTILE)):
        text = name.decode(errors="replace")
        if "\ufffd" in text:
            continue
        wanted = {(text + more)[:NAME_MOST] for more in ("", "i", "@plt")}
        check(wanted <= functions, text[:80], "is not in the JSON")
        check(any(text[:NAME_MOST - 1] in f for f in files), "file", text[:80], "is not in the JSON")
        check("/" in text or len(text) > len(LINK) or text in debug, ".gnu_debuglink", text[:80])


need("gcc", "objcopy", "nm", "readelf", "prlimit")
places, linked_at = build()
for name, names in (("plain", PLAIN), ("hostile", HOSTILE)):
    (HOME / name).mkdir()
    count = make(HOME / name, names, places, linked_at)
    if name == "plain":
        shapes = [look(words, HOME / name)[0] for words in COMMANDS]
        continue
    for words, shape in zip(COMMANDS, shapes):
        got, document = look(words, HOME / name)
        check(merged(got) == merged(shape), words, "has another shape than with plain names:", got, "not", shape)
        if document:
            check_names(document)
measured("inputs", f"{len(HOSTILE)} hostile names in symbols, DWARF, PLT and .gnu_debuglink of"
         " compiled files", f"{count} places, {len(COMMANDS)} commands",
         "UTF-8 without controls, same shape as with plain names")
