#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Damage costs what it hits and nothing else: every frame of a trace that is
still there, byte for byte, is read, whatever happened to the others; in 256 MiB
and with an exit status of prof's own.  The damage: the file cut at any length,
and bits, bytes, holes, lost and added bytes, frames lost, swapped and repeated,
and two traces spliced, all from one seed.  The traces: one of many frames with every
kind of record, and the golden ones, of which `real` is what the library wrote of a run
of `w_fault PLUGIN fork 150` (perf at 499 Hz, a mean of 64 KiB, a frame every 10 ms).  Of
a sample, the events of the untouched frames are in the output, and a cut file's stacks
are those of a file of its whole frames.

limit: 180
long: 3600
"""
import collections
import concurrent.futures
import random
import struct

from lib import *

sys.path.insert(0, str(SRC / "tests/trace"))
import mktrace
import read_trace

ROUNDS = 10000 if LONG else 250
ONCE_LOST = () if LONG else (4472,)  # rounds whose frames were not read once
COMMANDS = (["folded"], ["json"], ["report"], ["json", "--lines"])
MEMORY = ["prlimit", "--as=%d" % (256 << 20)]
MS = 1_000_000
REPLAY = SRC / "build-address,undefined/tests/fuzz/fuzz_segment"
INPUTS = HOME / "inputs"


def golden(seed, frames):
    """A segment of that many frames, with every kind of record, each frame with
    definitions that those behind it use."""
    rng = random.Random(seed)
    s = mktrace.Trace(trace_id=bytes([seed]) * 16).segment()
    m = mktrace.map_app(s)
    root = s.stack((m, mktrace.at("_start")), (m, mktrace.at("main")))
    s.thread(1, 4242, "app", mktrace.MAIN).cumulative().engine(0, 1, 1, 0, "perf", "sampling")
    s.frame()
    for i in range(frames):
        t, thread = (i + 1) * 10 * MS, 2 + i % 4
        s.thread(thread, 4242 + thread, f"worker {i}", mktrace.CREATOR, t, 1, root)
        stack = s.stack((m, mktrace.at("_start")), (m, 0x1000 + rng.randrange(900)),
                        (m, 0x1000 + i))
        put = s.samples if i % 3 else s.sample_rows
        put(t, 10 * MS, [(t + k, thread, k % 2, 0, 1, rng.choice((root, stack)))
                         for k in range(rng.randrange(1, 12))])
        s.heap(t, 4096, [(t + k, thread, i * 100 + k + 1, rng.randrange(1, 9000), stack)
                         for k in range(rng.randrange(5))] + [(t + 9, thread, abs(i * 100 - 99))])
        if i % 3 == 0:
            s.thread_stats(t, [(thread, 7, t, t // 2, t // 2, i, i * 100)])
            s.process_stats(t, t, 1 << 20, 1 << 22, MS, 4096, 1 << 21)
            s.mark(t, 1 + i % 2).loss(t, 1 + i % 14, i)
        if i % 8 == 7:
            s.live(4096, [(i * 100 + 1, t, thread, 64, stack)])
        s.frame()
    return s.end((frames + 2) * 10 * MS).bytes()


class Frame:
    """A frame of a golden trace: its bytes, and how much prof makes of it."""

    def __init__(self, data):
        self.data, self.is_lz4 = data, data[:4] == struct.pack("<I", 0x184D2204)
        self.rows = self.samples = self.heap = 0
        self.events = collections.Counter()  # as `prof json --lines` has them
        content = read_trace.Bytes(read_trace.lz4_frame(read_trace.Bytes(data[4:])) if self.is_lz4 else b"")
        while content.left():
            kind, length = content.take(1)[0], content.varint()
            record = read_trace.read_record(kind, read_trace.Bytes(content.take(length)))
            n = len(record.get("rows", ())) if kind != 13 else 1 + len(record["rows"])
            self.rows += n if "rows" in record else 1
            self.samples += n if record["kind"] == "samples" else 0
            self.heap += n if kind == 6 else 0
            self.add_events(record)

    def add_events(self, record):
        """Samples with their weights, and allocations."""
        t = record.get("t0", 0)
        for row in record["rows"] if record["kind"] in ("samples", "heap") else []:
            t = row.get("t", t + row["dt"])
            if record["kind"] == "samples":
                self.events["sample", t, row["weight"] * record["period_ns"]] += 1
            elif not row["op"]:
                self.events["alloc", t, 0] += 1


def split(data):
    at = 0
    while at < len(data):
        magic, length = struct.unpack_from("<II", data, at)
        end = at + 8 + length
        if magic == 0x184D2204:
            end = at + 7
            while length := struct.unpack_from("<I", data, end)[0]:
                end += 4 + (length & 0x7FFFFFFF)
            end += 8
        yield Frame(data[at:end])
        at = end


FIRST, SECOND = golden(1, 24), golden(2, 12)
FRAMES, OTHERS = list(split(FIRST)), list(split(SECOND))
GOLDEN = [list(split(f.read_bytes()))
          for f in sorted((SRC / "tests/golden").glob("*/segment-*.lz4"))]
REAL = list(split((SRC / "tests/golden/real/segment-000001.lz4").read_bytes()))


def joined(frames):
    """The file of these frames, and where each begins in it."""
    out, places = bytearray(), []
    for frame in frames:
        places.append((len(out), frame))
        out += frame.data
    return out, places


def intact(data, places):
    """Of the places where frames were put, those where they still are."""
    return [(at, f) for at, f in places if f.is_lz4 and data[at:at + len(f.data)] == f.data]


def moved(data, places, at, lost, added):
    """Bytes replaced at a place by more or fewer: what is behind moves."""
    shift = len(added) - lost
    data[at:at + lost] = added
    return [(p + shift if p >= at + lost else p, f) for p, f in places
            if p >= at + lost or p + len(f.data) <= at]


def damaged(i):
    """Round i: (what, bytes, [(offset, intact frame)])."""
    rng = random.Random(i)
    frames = list(GOLDEN[i // 10 % len(GOLDEN)] if i // 40 % 4 == 3 else FRAMES)
    what = ("bits", "bytes", "hole", "lost bytes", "added bytes", "lost frames", "swapped frames",
            "repeated frames", "splice", "splice of bytes")[i % 10]
    a, b = (1 + rng.randrange(len(frames) - 1) for _ in "ab")
    if what == "lost frames":
        del frames[min(a, b):max(a, b)]
    elif what == "swapped frames":
        frames[a], frames[b] = frames[b], frames[a]
    elif what == "repeated frames":
        frames[a:a] = frames[b:b + rng.randrange(1, 4)]
    elif what == "splice":
        frames[a:] = OTHERS[rng.randrange(len(OTHERS)):]
    data, places = joined(frames)
    at = rng.randrange(len(data))
    if what == "bits":
        for _ in range(rng.choice((1, 2, 5, 50))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif what == "bytes":
        for _ in range(rng.choice((1, 2, 5, 50))):
            data[rng.randrange(len(data))] = rng.choice((0, 0xFF, rng.randrange(256)))
    elif what == "hole":
        n = rng.choice((4, 64, 512))
        data[at:at + n] = bytes(len(data[at:at + n]))
    elif what == "lost bytes":
        places = moved(data, places, at, min(rng.choice((1, 7, 200)), len(data) - at), b"")
    elif what == "added bytes":
        places = moved(data, places, at, 0, rng.randbytes(rng.choice((1, 7, 200))))
    elif what == "splice of bytes":
        tail = SECOND[rng.randrange(len(SECOND)):]
        places = moved(data, places, at, len(data) - at, tail)
        start = at + len(tail) - len(SECOND)
        places += [(start + p, f) for p, f in joined(OTHERS)[1] if start + p >= at]
    return what, bytes(data), intact(data, places)


def prof_in(memory, *command):
    done = subprocess.run([*memory, PROF, *command], capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def check_output(name, path, places, is_cut):
    """What the reports say of the frames that are whole, as the second decoder reads them."""
    status, out, err = prof_in(MEMORY, "json", "--lines", path)
    wanted, got = sum((f.events for _, f in places), collections.Counter()), collections.Counter()
    for line in out.splitlines() if status in (0, 1) else ():
        e = json.loads(line)
        got[e["kind"], e["t_ns"], e["weight"] if e["kind"] == "sample" else 0] += 1
    missing = wanted - got
    check(not missing, name, "json --lines, status", status, "lacks", missing, err[-800:])
    if not is_cut or not places:
        return
    clean = HOME / f"clean-{name}" / path.name
    clean.parent.mkdir()
    clean.write_bytes(joined(FRAMES[:1] + [f for _, f in places])[0])
    for metric in ("samples", "alloc_objects"):
        cut_out, clean_out = (prof_in(MEMORY, "folded", "--metric", metric, p)[1]
                              for p in (path, clean))
        check(cut_out == clean_out, name, metric, "of the cut file\n", cut_out.decode(),
              "of its whole frames\n", clean_out.decode())
        total = sum(int(line.rpartition(b" ")[2]) for line in cut_out.splitlines())
        kind = {"samples": "sample", "alloc_objects": "alloc"}[metric]
        check(bool(total) == any(w[0] == kind for w in wanted), name, metric, "is", total)
    shutil.rmtree(clean.parent)


def look(name, data, places, command, sampled=False, is_cut=False):
    """Damage as prof sees it.  Returns the number of frames that were there."""
    path = INPUTS / name / "segment-000001.lz4"
    path.parent.mkdir()
    path.write_bytes(data)
    expected = (0, 1) if places else (0, 1, 2)
    for words in (["dump", path], ["check", path], [*command, path]):
        status, out, err = prof_in(MEMORY, *words)
        check(status in expected, name, words, "-> status", status, err[-800:])
        if words[0] == "dump":
            lines = b"\n" + out
            for at, frame in places:
                check(b"\n%d frame bytes=" % at in lines, name, "no frame at", at, err[-800:])
                rows = lines.count(b"\n%d+" % at)
                check(rows == frame.rows, name, "frame at", at, "has", rows, "rows, not", frame.rows,
                      err[-800:])
        if words[0] == "check" and places:
            counted = [int(n) for n in
                       out.split(b", pid ", 1)[1].split(b"\n")[0].replace(b",", b"").split()
                       if n.isdigit()]
            wanted = [sum(f.samples for _, f in places), sum(f.heap for _, f in places)]
            check(counted[-2] >= wanted[0] and counted[-1] >= wanted[1], name, "check counts",
                  counted, "the frames that are whole have", wanted)
    if sampled:
        check_output(name, path, places, is_cut)
    if not REPLAY.exists():
        shutil.rmtree(path.parent)
    return len(places)


def cut(n):
    places = [(at, f) for at, f in joined(FRAMES)[1] if f.is_lz4 and at + len(f.data) <= n]
    return look(f"cut-{n:05}", FIRST[:n], places, COMMANDS[n % 4], n % 5 == 0, True)


def cut_golden(which, n):
    data, places = joined(GOLDEN[which])
    places = [(at, f) for at, f in places if f.is_lz4 and at + len(f.data) <= n]
    return look(f"golden-{which}-cut-{n:05}", data[:n], places, COMMANDS[n % 4], n % 5 == 0)


def change(i):
    what, data, places = damaged(i)
    return look(f"{i:05}-{what.replace(' ', '-')}", data, places, COMMANDS[i // 10 % 4],
                i // 10 % 5 == 0)


need("prlimit")
check(REPLAY.exists() or not LONG, "the sanitizers' replay is not built: make fuzz-replay")
check(len(GOLDEN) == 3 and len(REAL) > 10, "golden segments:", len(GOLDEN), "with frames:",
      len(REAL))
check(sum(f.samples for f in REAL) > 10 and sum(f.heap for f in REAL) > 100,
      "the real one has few events")
check(read_trace.read_segment(FIRST)["header"], "the second decoder reads no header")
lengths = range(len(FIRST)) if LONG else sorted(random.Random(1).sample(range(len(FIRST)), 120))
golden_lengths = [(which, n) for which, frames in enumerate(GOLDEN)
                  for n in range(0, len(joined(frames)[0]) + 1, 1 if LONG else 23)]
INPUTS.mkdir()
look("whole", FIRST, intact(FIRST, joined(FRAMES)[1]), ["report"], True)
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    whole_cut = sum(pool.map(cut, lengths))
    whole_changed = sum(pool.map(change, [*range(ROUNDS), *ONCE_LOST]))
    whole_golden = sum(pool.map(lambda cutting: cut_golden(*cutting), golden_lengths))
note(len(golden_lengths), "golden lengths:", whole_golden, "frames untouched")
note(len(lengths), "lengths,", ROUNDS, "changes:", whole_cut, "and", whole_changed, "frames untouched")
outcome = "all untouched frames read ({}), no crash, none above 256 MiB"
if REPLAY.exists():
    inputs = len(lengths) + len(golden_lengths) + ROUNDS + len(ONCE_LOST) + 1
    ran = run([REPLAY, INPUTS], env={"G_SLICE": "always-malloc"}, timeout=3000)
    check(ran.status == 0 and ran.out.split()[0] == b"%d" % inputs,
          "under the sanitizers:", ran.status, ran.out, ran.err[-4000:].decode(errors="replace"))
    outcome += ", no sanitizer's report"
else:
    note("not looked at by the sanitizers: make fuzz-replay")
measured("inputs", "a trace of 26 frames cut at every length", len(lengths), outcome.format(whole_cut))
measured("inputs", "the golden segments cut at every length", len(golden_lengths),
         outcome.format(whole_golden))
measured("inputs", "bits, bytes, holes, lost and added bytes, frames lost, swapped, repeated and spliced",
         ROUNDS, outcome.format(whole_changed))
