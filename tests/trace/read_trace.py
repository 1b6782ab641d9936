#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second reader of the trace format, written from include/FORMAT.md alone.

    read_trace.py SEGMENT...     prints one JSON object a segment: its header's
                                 fields by name and its records, row by row

It shares no code with prof, so that a test can hold the two against each other
and the specification against both.  It expects whole files and stops at the
first thing that is not as the page says.
"""
import json
import struct
import sys

HEADER = {1: "trace_id:b", 2: "segment:u", 3: "exe:s", 4: "argv0:s", 5: "host:s", 6: "pid:u",
          7: "ppid:u", 8: "parent_trace_id:b", 9: "container_id:s", 10: "service_name:s",
          11: "resource_attributes:s", 12: "kernel:s", 13: "machine:s", 14: "boot_id:s",
          15: "page_bytes:u", 16: "cpus:u", 17: "uid:u", 18: "start_mono_ns:u",
          19: "start_real_ns:u", 20: "segment_start_ns:u", 21: "writer_version:s",
          22: "setting:s", 23: "cpu_engine:s", 24: "cpu_period_ns:u", 25: "heap_engine:s",
          26: "heap_mean_bytes:u", 27: "stack_bytes:u", 28: "entry:u", 29: "program:s",
          30: "cpu_kernel:u", 31: "start_machine_ns:u"}

# Fields before the rows, and the fields of a row: v varint, z zigzag.
RECORDS = {
    3: ("nodes", "first_id:v", "parent_delta:v tag:v offset:v"),
    4: ("thread", "thread:v tid:v flags:v t_start:v name:v creator:v stack:v start_mapping:v "
        "start_offset:v", None),
    5: ("samples", "t0:v period_ns:v", "dt:z thread:v cpu:v weight:v stack:v"),
    7: ("live", "mean_bytes:v", "block:v t:v thread:v size:v sampled_size:v stack:v"),
    8: ("thread_stats", "t:v", "thread:v flags:v cpu_ns:v user_ns:v system_ns:v alloc_calls:v "
        "alloc_bytes:v"),
    9: ("process_stats", "t:v cpu_ns:v rss_bytes:v vsize_bytes:v self_cpu_ns:v self_bytes:v",
        None),
    10: ("loss", "t:v code:v count:v detail:v", None),
    11: ("engine", "t:v engine:v state:v errno:v name:v text:v", None),
    12: ("mark", "t:v mark:v value:v", None),
    13: ("cumulative", "t:v ended_threads:v cpu_ns:v user_ns:v system_ns:v alloc_calls:v "
         "alloc_bytes:v samples:v sample_ns:v heap_events:v segments_dropped:v",
         "code:v total:v"),
    14: ("end", "t:v reason:v", None),
}


class Bytes:
    """Bytes being read from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        assert n <= self.left(), "runs past the end"
        self.at += n
        return self.data[self.at - n:self.at]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise AssertionError("varint of more than ten bytes")

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self, spec):
        """A row of named fields."""
        pairs = (field.split(":") for field in spec.split())
        return {name: self.zigzag() if kind == "z" else self.varint() for name, kind in pairs}


def lz4_block(src):
    """Decodes one compressed block."""
    src, out = Bytes(src), bytearray()

    def length(n):
        while n >= 15:
            more = src.take(1)[0]
            n += more
            if more < 255:
                break
        return n

    while src.left():
        token = src.take(1)[0]
        out += src.take(length(token >> 4))
        if not src.left():
            break
        distance = struct.unpack("<H", src.take(2))[0]
        assert 0 < distance <= len(out), "match before the start of the block"
        for _ in range(length(token & 15) + 4):
            out.append(out[-distance])
    return bytes(out)


def lz4_frame(src):
    """The content of the LZ4 frame whose magic has just been read."""
    flags, _, _ = src.take(3)
    assert flags & 0xFC == 0x64, "version 01, independent blocks, content checksum, no size"
    out = b""
    while size := src.u32():
        block = src.take(size & 0x7FFFFFFF)
        out += block if size >> 31 else lz4_block(block)
    src.u32()  # the checksum, which `lz4 -t` is better at
    return out


def read_header(src):
    assert src.take(8) == b"LIBPROF\x1a"
    version, least = struct.unpack("<HH", src.take(4))
    assert version >= least and least <= 2, "for a newer reader"
    length, _ = src.u32(), src.u32()
    src, header = Bytes(src.take(length)), {"version": version, "settings": []}
    while src.left():
        key, value = src.varint(), Bytes(src.take(src.varint()))
        name, kind = HEADER.get(key, "unknown:b").split(":")
        raw = value.data
        value = {"u": value.varint, "s": raw.decode, "b": raw.hex}[kind]()
        if name == "setting":
            header["settings"].append(value)
        else:
            header[name] = value
    return header


def read_record(kind, src):
    """One record as a dictionary, rows under "rows"."""
    if kind == 1:
        return {"kind": "string", "id": src.varint(),
                "text": src.take(src.left()).decode(errors="backslashreplace")}
    if kind == 2:
        row = src.fields("id:v flags:v start:v end:v file_offset:v load_bias:v t:v dev:v ino:v "
                         "path:v build_id_len:v")
        return {"kind": "mapping", **row, "build_id": src.take(row["build_id_len"]).hex()}
    if kind == 6:
        record = {"kind": "heap", **src.fields("t0:v mean_bytes:v"), "rows": []}
        for _ in range(src.varint()):
            row = src.fields("op:v dt:z thread:v block:v")
            more = {0: "size:v stack:v", 2: "size:v sampled_size:v stack:v"}.get(row["op"], "")
            record["rows"].append({**row, **src.fields(more)})
        return record
    if kind == 15:
        record = {"kind": "samples", **src.fields("t0:v period_ns:v")}
        count, columns, t = src.varint(), {}, record["t0"] - record["period_ns"]
        for field in ("dt:z", "thread:v", "cpu:v", "weight:v", "stack:v"):
            column = Bytes(src.take(src.varint()))
            columns[field[:-2]] = [column.fields(field)[field[:-2]] for _ in range(count)]
        record["rows"] = [dict(zip(columns, row)) for row in zip(*columns.values())]
        for row in record["rows"]:
            t += record["period_ns"] + row["dt"]
            row["t"] = t
        return record
    if kind not in RECORDS:
        return {"kind": kind}
    name, fields, rows = RECORDS[kind]
    record = {"kind": name, **src.fields(fields)}
    if rows:
        record["rows"] = [src.fields(rows) for _ in range(src.varint())]
    if kind == 9 and src.left():  # newer writers end with one field more
        record.update(src.fields("rss_peak_bytes:v"))
    return record


def frames(data):
    """The content of each frame."""
    src = Bytes(data)
    while src.left():
        if src.u32() == 0x184D2204:
            yield lz4_frame(src)
        else:
            src.take(min(src.u32(), src.left()))


def read_segment(data):
    src, header, records = Bytes(data), None, []
    while src.left():
        magic = src.u32()
        if magic == 0x184D2A50 and header is None:
            header = read_header(Bytes(src.take(src.u32())))
        elif magic & 0xFFFFFFF0 == 0x184D2A50:
            src.take(min(src.u32(), src.left()))
        else:
            assert magic == 0x184D2204, "no frame"
            content = Bytes(lz4_frame(src))
            while content.left():
                kind, length = content.take(1)[0], content.varint()
                records.append(read_record(kind, Bytes(content.take(length))))
    return {"header": header, "records": records}


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            print(json.dumps(read_segment(file.read())))
