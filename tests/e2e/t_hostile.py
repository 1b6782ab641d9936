#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real trace with wrong bytes below good checksums, and small files that claim
to be large: whatever a record says, every output ends by itself with a status of
its own, soon and in 256 MiB.

limit: 180
long: 900
"""
import random
import resource
import struct
import subprocess

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
from mktrace import varint, varints

need("lz4")
_, trace = work("w_threads", 100, cpu_hz=499, heap_bytes=4096, flush_ms=20)
data = segments(trace)[0].read_bytes()
bad = HOME / "segment-000001.lz4"
COMMANDS = (["check"], ["folded"], ["json"], ["report"], ["dump"], ["json", "--lines"],
            ["report", "--peek", "."], ["folded", "--threads", "--from", "0.01"])
MEMORY = 256 << 20
ROUNDS = 1000 if LONG else 96


def lz4(content, *options):
    return subprocess.run(["lz4", *options, "-q", "-B7", "-BI", "-c"], input=content, stdout=subprocess.PIPE,
                          check=True).stdout


def frames():
    """(is skippable, bytes) of the frames: an LZ4 frame is a header of 7 bytes,
    blocks with their lengths, a length of 0 and a checksum."""
    at = 0
    while at < len(data):
        magic, length = struct.unpack_from("<II", data, at)
        end = at + 8 + length
        if magic & 0xFFFFFFF0 != 0x184D2A50:
            end = at + 7
            while length := struct.unpack_from("<I", data, end)[0]:
                end += 4 + (length & 0x7FFFFFFF)
            end += 8
        yield magic & 0xFFFFFFF0 == 0x184D2A50, data[at:end]
        at = end


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def ends(what, command):
    """prof COMMAND on the bad file; its exit status."""
    try:
        done = subprocess.run([PROF, *command, bad], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=30, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        fail(f"{what}: {command} does not end")
    check(done.returncode in (0, 1, 2), what, command, "-> status", done.returncode,
          done.stderr[-500:])
    return done.returncode


whole_frames = [raw for _, raw in frames()]
parts = [(skip, raw if skip else lz4(raw, "-d")) for skip, raw in frames()]
whole = run(["lz4", "-dc", segments(trace)[0]]).out
check(b"".join(raw for skip, raw in parts if not skip) == whole,
      "the frames are not what lz4 reads")
random.seed(11)
seen = set()
for i in range(ROUNDS):
    changed = random.sample(range(len(parts)), min(3, len(parts)))
    out = b""
    for k, (skip, content) in enumerate(parts):
        wrong = bytearray(content)
        for _ in range(0 if skip or k not in changed else random.choice((1, 3, 30))):
            if wrong:
                wrong[random.randrange(len(wrong))] = random.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        out += whole_frames[k] if wrong == content else lz4(bytes(wrong))
    bad.write_bytes(out)
    command = COMMANDS[i % len(COMMANDS)]
    seen.add(ends(f"round {i}", command))
check(1 in seen, "no damage was seen:", seen)
measured("inputs", "wrong bytes below good checksums", f"{ROUNDS} traces, {len(COMMANDS)} commands",
         "ended by itself within 256 MiB")

# What a file claims beyond its own size is not believed: counts, ids far beyond
# those before them, and frames of megabytes compressed out of nothing.  Nor does
# it choose what shares a place in a hash table: "Ez" and "FY" are one to GLib's
# hash of texts, and so are these ids to a multiplication everybody knows.
MOST = 1 << 60


def record(kind, payload):
    return bytes([kind]) + varint(len(payload)) + payload


def definitions():
    s = mktrace.Trace().segment()
    return bytes(s.out), mktrace.map_app(s), bytes(s.records)


def nodes(first, count, *row):
    return record(3, varints(first, count) + varints(*row) * count)


header, mapping, known = definitions()
code = mapping << 1
wide = record(3, varints(1, 20000) + b"".join(varints(i, code, 5 + i) for i in range(1, 20001)))
pairs = [b"".join((b"Ez", b"FY")[i >> k & 1] for k in range(17)) for i in range(100000)]
inverse = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
ids = [((7 << 32 | i) * inverse) % (1 << 64) for i in range(1, 200001)]
SIZES = {
    "texts of one hash": [b"".join(record(1, varint(2 + i) + pairs[i]) for i in range(k, k + 50000))
                          for k in (0, 50000)],
    "blocks of one hash": [record(6, varints(0, 1, 100000) + b"".join(
        varints(0, 0, 1, block, 1, 0) for block in ids[k:k + 100000])) for k in (0, 100000)],
    "counts of 2^60": [b"".join(record(k, varints(*[MOST] * n)) for k in range(20) for n in (1, 2, 3, 12))],
    "lengths of 2^60": [bytes([k]) + varint(MOST) + bytes(20) for k in range(1, 15)],
    "ids at the limit": [record(1, varint(200) + b"x")] + [
        record(1, varint((1 << n) - 1) + b"x") + record(2, varints((1 << n) - 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0)) +
        record(3, varints((1 << n) - 1, 1, 1, 2, 5)) for n in (20, 22, 23, 24, 26, 31, 32, 60)],
    "stacks without end": [nodes(1 + i * 10**6, 10**6, 100 if i else 1, code, 5) for i in range(3)],
    "stacks on stacks": [wide] + [nodes(20001 + i * 10**6, 10**6, 10000, code, 5) for i in range(7)],
    "one mebibyte of name": [record(1, varint(2 + i) + bytes([65 + i % 26]) * (1 << 20)) for i in range(20)],
    "one block a million times": [record(6, varints(0, 1, 600000) + varints(0, 0, 1, 7, 1, 0) * 600000)] * 2,
    "threads": [record(8, varints(0, 60000) + b"".join(varints(k * 60000 + t, 4, 1, 1, 1, 1, 1)
                                                       for t in range(60000))) for k in range(2)],
}
for name, contents in SIZES.items():
    bad.write_bytes(header + lz4(known) + b"".join(lz4(c) for c in contents))
    for command in COMMANDS[:4]:
        ends(f"{name}, {bad.stat().st_size} bytes,", command)
    measured("inputs", f"a file that claims more than it is: {name}", f"{bad.stat().st_size} bytes, "
             f"{len(COMMANDS[:4])} commands", "ended by itself within 256 MiB")
