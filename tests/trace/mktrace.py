#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes traces with known content, for tests of the reader.

A library: Trace -> segment() -> records -> frame() -> bytes, or write().  It
knows the format from include/FORMAT.md and shares no code with the library or
the reader.  As a program it writes one of the traces below:

    mktrace.py CASE DIR      write case CASE into DIR
    mktrace.py --list        the cases
"""
import os
import struct
import sys

MASK32 = 0xFFFFFFFF
P1, P2, P3, P4, P5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393


def xxh32(data, seed=0):
    """XXH32, the checksum of the header and of LZ4 frames."""
    def rol(x, r):
        return ((x << r) | (x >> (32 - r))) & MASK32

    def lane(acc, at):
        word = struct.unpack_from("<I", data, at)[0]
        return (rol((acc + word * P2) & MASK32, 13) * P1) & MASK32

    at, size = 0, len(data)
    if size >= 16:
        v = [(seed + P1 + P2) & MASK32, (seed + P2) & MASK32, seed, (seed - P1) & MASK32]
        while at <= size - 16:
            v = [lane(acc, at + 4 * i) for i, acc in enumerate(v)]
            at += 16
        h = (rol(v[0], 1) + rol(v[1], 7) + rol(v[2], 12) + rol(v[3], 18)) & MASK32
    else:
        h = (seed + P5) & MASK32
    h = (h + size) & MASK32
    while at + 4 <= size:
        h = (h + struct.unpack_from("<I", data, at)[0] * P3) & MASK32
        h = (rol(h, 17) * P4) & MASK32
        at += 4
    for byte in data[at:]:
        h = (rol((h + byte * P5) & MASK32, 11) * P1) & MASK32
    h = ((h ^ (h >> 15)) * P2) & MASK32
    h = ((h ^ (h >> 13)) * P3) & MASK32
    return h ^ (h >> 16)


def lz4_block(data):
    """One LZ4 block, greedy; may be longer than data."""
    out, seen, at, start = bytearray(), {}, 0, 0

    def length(n):
        while n >= 255:
            out.append(255)
            n -= 255
        out.append(n)

    def sequence(literals, distance=0, match=0):
        high, low = min(len(literals), 15), min(max(match - 4, 0), 15)
        out.append(high << 4 | low)
        if high == 15:
            length(len(literals) - 15)
        out.extend(literals)
        if match:
            out.extend(struct.pack("<H", distance))
            if low == 15:
                length(match - 19)

    limit = len(data) - 12  # the format's end rules: the last 12 bytes start no match
    while at < limit:
        key = data[at:at + 4]
        before = seen.get(key)
        seen[key] = at
        if before is None or at - before > 65535:
            at += 1
            continue
        match = 4
        while at + match < len(data) - 5 and data[before + match] == data[at + match]:
            match += 1
        sequence(data[start:at], at - before, match)
        at += match
        start = at
    sequence(data[start:])
    return bytes(out)


def lz4_frame(data, checksum=True):
    """An LZ4 frame as the library writes it."""
    flags = bytes([0x60 | (0x04 if checksum else 0), 0x70])
    out = struct.pack("<I", 0x184D2204) + flags + bytes([xxh32(flags) >> 8 & 0xFF])
    for at in range(0, len(data), 4 << 20):
        raw = data[at:at + (4 << 20)]
        packed = lz4_block(raw)
        if len(packed) < len(raw):
            out += struct.pack("<I", len(packed)) + packed
        else:
            out += struct.pack("<I", len(raw) | 0x80000000) + raw
    out += struct.pack("<I", 0)
    return out + (struct.pack("<I", xxh32(data)) if checksum else b"")


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varints(*values):
    return b"".join(varint(v) for v in values)


def zigzag(value):
    return varint((value << 1) ^ (value >> 63) if value >= 0 else (-value << 1) - 1)


def text(value):
    return value if isinstance(value, bytes) else value.encode()


FILE, VDSO, ANON, KERNEL, DELETED = 1, 2, 4, 8, 16
FINAL, RUSAGE, CPU = 1, 2, 4
MAIN, CREATOR = 1, 2


class Segment:
    """One segment being made; records go to the current frame."""

    def __init__(self, fields, settings):
        self.out = bytearray()
        self.records = bytearray()
        self.ids = {"string": 0, "mapping": 0, "node": 0}
        self.known = {}
        payload = b""
        for key, value in fields.items():
            value = varint(value) if isinstance(value, int) else text(value)
            payload += varints(key, len(value)) + value
        for setting in settings:
            payload += varints(22, len(setting)) + setting.encode()
        header = b"LIBPROF\x1a" + struct.pack("<HHII", 2, 2, len(payload), xxh32(payload)) + payload
        self.out += struct.pack("<II", 0x184D2A50, len(header)) + header

    def record(self, kind, payload):
        self.records += bytes([kind]) + varint(len(payload)) + payload
        return self

    def frame(self):
        """Ends the current frame; the next record opens another."""
        self.out += lz4_frame(bytes(self.records))
        self.records.clear()
        return self

    def uncommitted(self):
        """Ends the current frame as a write that was cut before its second step."""
        whole = lz4_frame(bytes(self.records))
        self.out += struct.pack("<II", 0x184D2A51, len(whole) - 8) + whole[8:]
        self.records.clear()
        return self

    def bytes(self):
        if self.records:
            self.frame()
        return bytes(self.out)

    def write(self, directory, number):
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, "segment-%06d.lz4" % number)
        with open(path, "wb") as file:
            file.write(self.bytes())
        return path

    def _id(self, table):
        self.ids[table] += 1
        return self.ids[table]

    def string(self, value):
        """The id of a string, defined when new; 0 for None."""
        if value is None:
            return 0
        key = ("string", text(value))
        if key not in self.known:
            self.known[key] = self._id("string")
            self.record(1, varint(self.known[key]) + text(value))
        return self.known[key]

    def mapping(self, path, start, end, build_id=b"", flags=FILE, file_offset=0, load_bias=None,
                t=0, dev=0, ino=0):
        bias = start - file_offset if load_bias is None else load_bias
        name = self.string(path)
        number = self._id("mapping")
        self.record(2, varints(number, flags, start, end, file_offset, bias, t, dev, ino, name,
                               len(build_id)) + build_id)
        return number

    def stack(self, *frames):
        """The node of a stack given outermost first: frames are (mapping, offset),
        optionally (mapping, offset, guessed).  New nodes are one nodes record."""
        first, rows, parent = self.ids["node"] + 1, b"", 0
        for frame in frames:
            key = ("node", parent, frame)
            if key not in self.known:
                self.known[key] = number = self._id("node")
                guessed = frame[2] if len(frame) > 2 else 0
                rows += varints(number - parent, frame[0] << 1 | guessed, frame[1])
            parent = self.known[key]
        count = self.ids["node"] + 1 - first
        if count:
            self.record(3, varints(first, count) + rows)
        return parent

    def thread(self, thread, tid, name, flags=0, t_start=0, creator=0, stack=0, start=(0, 0)):
        name = self.string(name)
        return self.record(4, varints(thread, tid, flags, t_start, name, creator, stack, *start))

    def samples(self, t0, period, rows):
        """rows: (t, thread, cpu, in_kernel, weight, stack)"""
        columns, due = [b""] * 5, t0
        for t, thread, cpu, kernel, weight, stack in rows:
            row = (zigzag(t - due), *map(varint, (thread, cpu << 1 | kernel, weight, stack)))
            columns = [column + field for column, field in zip(columns, row)]
            due = t + period
        return self.record(15, varints(t0, period, len(rows)) +
                           b"".join(varint(len(c)) + c for c in columns))

    def sample_rows(self, t0, period, rows):
        """The same as format version 1 had them."""
        payload, before = varints(t0, period, len(rows)), t0
        for t, thread, cpu, kernel, weight, stack in rows:
            payload += zigzag(t - before) + varints(thread, cpu << 1 | kernel, weight, stack)
            before = t
        return self.record(5, payload)

    def heap(self, t0, mean, rows):
        """rows: (t, thread, block, size, stack) allocate, with (size, sampled_size,
        stack) too, (t, thread, block) free"""
        payload, before = varints(t0, mean, len(rows)), t0
        for row in rows:
            payload += varint({5: 0, 3: 1, 6: 2}[len(row)]) + zigzag(row[0] - before)
            payload += varints(*row[1:])
            before = row[0]
        return self.record(6, payload)

    def live(self, mean, rows):
        """rows: (block, t, thread, size, stack)"""
        return self.record(7, varints(mean, len(rows)) +
                           b"".join(varints(*r[:4], 0, r[4]) for r in rows))

    def thread_stats(self, t, rows):
        """rows: (thread, flags, cpu, user, system, calls, bytes)"""
        return self.record(8, varints(t, len(rows)) + b"".join(varints(*r) for r in rows))

    def process_stats(self, t, cpu, rss, vsize, self_cpu, self_bytes, *rss_peak):
        return self.record(9, varints(t, cpu, rss, vsize, self_cpu, self_bytes, *rss_peak))

    def loss(self, t, code, count, detail=0):
        return self.record(10, varints(t, code, count, detail))

    def engine(self, t, engine, state, errno=0, name=None, text_=None):
        name, text_ = self.string(name), self.string(text_)
        return self.record(11, varints(t, engine, state, errno, name, text_))

    def mark(self, t, mark, value=0):
        return self.record(12, varints(t, mark, value))

    def cumulative(self, t=0, ended=0, cpu=0, user=0, system=0, calls=0, bytes_=0, samples=0,
                   sample_ns=0, heap=0, dropped=0, losses=()):
        payload = varints(t, ended, cpu, user, system, calls, bytes_, samples, sample_ns, heap,
                          dropped, len(losses))
        return self.record(13, payload + b"".join(varints(*x) for x in losses))

    def end(self, t, reason=2):
        return self.record(14, varints(t, reason))


class Trace:
    """A process: what all its segments' headers share."""

    def __init__(self, program="app", pid=4242, trace_id=bytes(range(16)), period=10_000_000,
                 mean=524288, cpu_kernel=0, entry=0x401000, start_real=1_700_000_000_000_000_000,
                 settings=("LIBPROF_CPU_HZ=100",), **extra):
        self.fields = {
            1: trace_id, 3: "/opt/app/bin/" + program, 4: program, 5: "host-a", 6: pid, 7: 1,
            12: "Linux 6.1.0", 13: "x86_64", 14: "boot", 15: 4096, 16: 2, 17: 1000,
            18: 5_000_000_000, 19: start_real, 21: "0.1.0", 23: "perf", 24: period,
            25: "program", 26: mean, 27: 16384, 28: entry, 29: program, 30: cpu_kernel,
        }
        self.fields.update({int(k[1:]): v for k, v in extra.items()})
        self.settings = settings

    def segment(self, number=1, start=0):
        return Segment({**self.fields, 2: number, 20: start}, self.settings)


def elf(functions, build_id, base=0x1000):
    """A minimal ELF64 executable image with a symbol table: functions is a list
    of (name, address, size), addresses from base on."""
    text_len = max(address + size for _, address, size in functions) - base
    names = b"\0" + b"".join(text(n) + b"\0" for n, _, _ in functions)
    symbols, at = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0), 1
    for name, address, size in functions:
        symbols += struct.pack("<IBBHQQ", at, 0x12, 0, 2, address, size)
        at += len(text(name)) + 1
    note = struct.pack("<III", 4, len(build_id), 3) + b"GNU\0" + build_id
    shnames = b"\0.note.gnu.build-id\0.text\0.symtab\0.strtab\0.shstrtab\0"
    note_at = 64 + 56 * 2
    body = bytes(note_at) + note
    symtab_at = len(body) + -len(body) % 8
    body = body.ljust(symtab_at, b"\0") + symbols
    strtab_at = len(body)
    body += names
    shstr_at = len(body)
    body += shnames
    assert len(body) <= base
    body = body.ljust(base, b"\0") + b"\x90" * text_len
    shoff = len(body) + -len(body) % 8
    body = bytearray(body.ljust(shoff, b"\0"))

    def section(name, kind, flags, address, offset, size, link=0, info=0, align=1, entry=0):
        return struct.pack("<IIQQQQIIQQ", shnames.index(name), kind, flags, address, offset, size,
                           link, info, align, entry)

    body += bytes(64)
    body += section(b".note.gnu.build-id", 7, 2, note_at, note_at, len(note), align=4)
    body += section(b".text", 1, 6, base, base, text_len, align=16)
    body += section(b".symtab", 2, 0, 0, symtab_at, len(symbols), 4, 1, 8, 24)
    body += section(b".strtab", 3, 0, 0, strtab_at, len(names))
    body += section(b".shstrtab", 3, 0, 0, shstr_at, len(shnames))
    body[:64] = struct.pack("<4sBBBBQHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 3, 62, 1, base, 64,
                            shoff, 0, 64, 56, 2, 64, 6, 5)
    body[64:note_at] = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, base + text_len, base + text_len,
                                   0x1000) + \
        struct.pack("<IIQQQQQQ", 4, 4, note_at, note_at, note_at, len(note), len(note), 4)
    return bytes(body)


BUILD_ID = bytes.fromhex("00112233445566778899aabbccddeeff01234567")
BASE = 0x400000
FUNCTIONS = [("_start", 0x1000, 0x40), ("main", 0x1040, 0xC0), ("work", 0x1100, 0x100),
             ("inner loop", 0x1200, 0x80), ("worker", 0x1280, 0x80), ("leak;it", 0x1300, 0x40),
             ("size 8", 0x1340, 0x40)]
PERIOD = 10_000_000
MS = 1_000_000


def write_symfs(directory):
    path = os.path.join(directory, "symfs/opt/app/bin/app")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(elf(FUNCTIONS, BUILD_ID))


def at(name, delta=4):
    """The offset in the mapping of a place in a function."""
    return next(a for n, a, _ in FUNCTIONS if n == name) + delta


def map_app(s):
    return s.mapping("/opt/app/bin/app", BASE, BASE + 0x2000, BUILD_ID, dev=1, ino=2)


def basic_segment(trace, number=1, start=0):
    """Definitions shared by the cases: the mapping and two threads."""
    s = trace.segment(number, start)
    m = map_app(s)
    root = s.stack((m, at("_start")), (m, at("main")))
    s.thread(1, 4242, "app", MAIN, 0)
    s.thread(2, 4243, "worker 1", CREATOR, 5 * MS, 1, root, (m, at("worker", 0)))
    return s, m


def case_basic(directory):
    """Both kinds of events in every kind of record; what is asserted on it is in
    tests/golden/basic."""
    s, m = basic_segment(Trace())
    main = ((m, at("_start")), (m, at("main")))
    work = s.stack(*main, (m, at("work")))
    inner = s.stack(*main, (m, at("work")), (m, at("inner loop", 8)))
    guessed = s.stack(*main, (m, at("work", 6), 1))
    worker = s.stack((m, at("worker")), (m, at("size 8")))
    cut = s.stack((0, 1), (m, at("inner loop")))
    leak = s.stack(*main, (m, at("leak;it")))
    s.cumulative().engine(0, 1, 1, 0, "perf", "sampling").engine(0, 2, 1, 0, "program", None)
    s.thread_stats(0, [(1, CPU | RUSAGE, 0, 0, 0, 0, 0)])
    s.mark(0, 1).frame()
    s.samples(10 * MS, PERIOD, [
        (10 * MS, 1, 0, 0, 1, work), (20 * MS, 1, 1, 0, 1, inner), (15 * MS, 2, 1, 0, 2, worker)])
    s.sample_rows(30 * MS, PERIOD, [
        (30 * MS, 1, 0, 0, 1, inner), (40 * MS, 1, 0, 1, 1, guessed), (41 * MS, 1, 0, 0, 1, cut)])
    s.heap(12 * MS, 1, [(12 * MS, 1, 1, 100, work), (13 * MS, 1, 2, 4000, leak),
                        (14 * MS, 2, 3, 48, worker), (16 * MS, 2, 1)])
    s.process_stats(50 * MS, 80 * MS, 1 << 20, 1 << 22, MS, 4096)
    s.loss(50 * MS, 1, 3).frame()
    s.string(b"\x1b[31mred\xff")
    s.record(99, b"from the future")
    s.thread_stats(60 * MS, [(2, CPU | RUSAGE | FINAL, 15 * MS, 15 * MS, 0, 1, 48)])
    s.thread_stats(100 * MS, [(1, CPU | RUSAGE | FINAL, 57 * MS, 50 * MS, 7 * MS, 2, 4100)])
    s.mark(100 * MS, 5).end(100 * MS, 2)
    s.write(directory, 1)
    write_symfs(directory)


def gap_segment(trace, number, start, live, cpu, reason=1):
    s, m = basic_segment(trace, number, start)
    main = ((m, at("_start")), (m, at("main")))
    leak, work = s.stack(*main, (m, at("leak;it"))), s.stack(*main, (m, at("work")))
    s.cumulative(start, dropped=0)
    s.thread_stats(start, [(1, CPU, cpu, 0, 0, 0, 0)])
    s.live(1, [(block, t, 1, size, leak) for block, t, size in live])
    return s, work, leak


def case_gap(directory):
    """Segments 3, 4 and 6 of a trace: 1 and 2 were dropped, 5 is missing.  Block 1
    leaked in the first second; block 2, seen in 3, was freed in 5; block 3 is
    from 5."""
    trace = Trace(settings=())
    second = 1000 * MS
    s, work, leak = gap_segment(trace, 3, 2 * second, [(1, MS, 1000)], 500 * MS)
    s.frame().heap(2 * second, 1, [(2 * second + 1, 1, 2, 64, leak)])
    s.samples(2 * second, PERIOD, [(2 * second + 5, 1, 0, 0, 1, work)])
    s.thread_stats(3 * second, [(1, CPU, 520 * MS, 0, 0, 0, 0)]).end(3 * second, 1)
    s.write(directory, 3)
    s, work, leak = gap_segment(trace, 4, 3 * second, [(1, MS, 1000), (2, 2 * second + 1, 64)],
                                520 * MS)
    s.thread_stats(4 * second, [(1, CPU, 530 * MS, 0, 0, 0, 0)]).end(4 * second, 1)
    s.write(directory, 4)
    s, work, leak = gap_segment(trace, 6, 5 * second, [(1, MS, 1000), (3, 4 * second + 7, 16)],
                                900 * MS)
    s.frame().heap(5 * second, 1, [(5 * second + 2, 1, 4, 8, leak), (5 * second + 3, 1, 4)])
    s.thread_stats(6 * second, [(1, CPU | FINAL, 905 * MS, 0, 0, 0, 0)]).end(6 * second, 2)
    s.write(directory, 6)
    write_symfs(directory)


CASES = {name[5:]: value for name, value in list(globals().items()) if name.startswith("case_")}


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted(CASES)))
    elif len(sys.argv) == 3 and sys.argv[1] in CASES:
        CASES[sys.argv[1]](sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
