#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing of the program's data reaches a trace: random secrets in its arguments,
environment, standard input, heap, stacks, static memory, in a file that it maps and in
that file's name, are looked for in every segment, as it is and unpacked, whole and in
pieces of eight bytes, as bytes and as the numbers a trace is made of.  By every
engine, with every allocation recorded and stacks copied whole, with descriptors of our
own and where they are refused, and in the traces of a shell that holds them all, its
forked child, and what that executes.  The names that FORMAT.md lists are there: of the
program, of threads, of modules.

False failures: a piece has 48 random bits, so that one of 750 matches somewhere in 1e7
bytes with a probability of 3e-5; a hit is tried again with new secrets: 1e-9 for each of
six cases.

false: 6e-9
"""
import secrets

from lib import *

need("lz4")
PLACES = ("argument", "variable", "setting", "data", "file", "file name")


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def pieces(secret):
    """Eight bytes each, plain; as a number, as a signed one, and one less (a call site)."""
    for i in range(len(secret) - 7):
        piece = secret[i:i + 8]
        n = int.from_bytes(piece, "little")
        yield piece
        for m in (n, n - 1):
            yield varint(m)
            yield varint(m << 1 & 2**64 - 1)


def content(found):
    """What the traces' files hold, and what they hold unpacked."""
    packed = b"".join(s.read_bytes() for t in found for s in segments(t))
    plain = b"".join(run(["lz4", "-dcq", s]).out for t in found for s in segments(t))
    check(len(plain) > 1000, "nothing was recorded")
    return packed + plain


def attempt(name, cpu, extra, values, before=(), least=1):
    """Places whose secret was found; before: words before the program."""
    secret = {place: secrets.token_urlsafe(24).encode() for place in PLACES}
    file = HOME / f"map-{secret['file name'].decode()}"
    file.write_bytes(secret["file"] * 128)
    env = dict(preload(extra=extra, out=f"{name}/%e-%p", cpu=cpu, cpu_hz=2000, stack_bytes=65528,
                       secret=secret["setting"].decode(), **values),
               DATABASE_PASSWORD=secret["variable"].decode(),
               MALLOC_CONF="prof:true,prof_active:true,lg_prof_sample:0" if extra else "")
    url = "postgres://user:%s@host/db" % secret["argument"].decode()
    (HOME / name).mkdir()
    ran = run([*before, W / "w_secrets", file, url], env=env, stdin=secret["data"] + b"\n")
    check(ran.status == 0 and ran.out == b"kept 1\n", name, ran.status, ran.out, ran.err)
    found = traces(HOME / name)
    check(len(found) >= least, name, "traces:", found)
    own, = [t for t in found if t.name.startswith("w_secrets-")]
    p, held = Profile(own), content(found)
    check(p.cpu_engine == cpu, name, "CPU engine", p.raw["engines"])
    check(p.count(is_sampled) > 10 and p.site("allocate")["alloc_n"] > 100, name, "too little")
    check(b"open-name" in held and b"w_secrets" in held, name, "names are not there")
    return [place for place in PLACES if any(piece in held for piece in pieces(secret[place]))]


cases = {"perf": ("perf", (), {"heap_bytes": 1}), "timer": ("timer", (), {"heap_bytes": 1})}
if os.path.exists(JEMALLOC):
    cases["jemalloc"] = "perf", (JEMALLOC,), {"heap": "jemalloc"}
# A shell with all of it in its arguments, its environment and, read by its child, its heap.
SHELL = ["bash", "-c", '(read -r line; "$@" <<<"$line"; exit $?); exit $?', "bash"]
for cpu in ENGINES:
    cases[f"shell-{cpu}"] = cpu, (), {"heap_bytes": 1}, SHELL, 3
cases["shared"] = "timer", (), {"heap_bytes": 1}, [*SHARED, *SHELL], 4
for name, case in cases.items():
    found = attempt(name, *case)
    if found:
        again = attempt(name + "-again", *case)
        check(not again, name, "in the trace: secrets in", found, again)
