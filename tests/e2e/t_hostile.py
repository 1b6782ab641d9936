#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real trace with wrong bytes below good checksums: whatever a record says,
every output ends by itself with a status of its own, soon and in little memory.
limit: 180"""
import random
import resource
import struct
import subprocess

from lib import *

need("lz4")
_, trace = work("w_threads", 100, cpu_hz=499, heap_bytes=4096, flush_ms=20)
data = segments(trace)[0].read_bytes()
bad = HOME / "segment-000001.lz4"
COMMANDS = (["check"], ["folded"], ["json"], ["report"], ["dump"], ["json", "--lines"],
            ["report", "--peek", "."], ["folded", "--threads", "--from", "0.01"])
MEMORY = 256 << 20


def lz4(content, *options):
    return subprocess.run(["lz4", *options, "-c"], input=content, stdout=subprocess.PIPE,
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


parts = [(skip, raw if skip else lz4(raw, "-d")) for skip, raw in frames()]
whole = run(["lz4", "-dc", segments(trace)[0]]).out
check(b"".join(raw for skip, raw in parts if not skip) == whole,
      "the frames are not what lz4 reads")
random.seed(11)
seen = set()
for i in range(160):
    out = b""
    for skip, content in parts:
        wrong = bytearray(content)
        for _ in range(0 if skip else random.choice((0, 1, 1, 3, 30))):
            if wrong:
                wrong[random.randrange(len(wrong))] = random.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        out += content if skip else lz4(bytes(wrong))
    bad.write_bytes(out)
    command = COMMANDS[i % len(COMMANDS)]
    try:
        done = subprocess.run([PROF, *command, bad], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=30, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        fail(f"round {i}: {command} does not end")
    seen.add(done.returncode)
    check(done.returncode in (0, 1, 2), "round", i, command, "-> status", done.returncode,
          done.stderr[-500:])
check(1 in seen, "no damage was seen:", seen)
