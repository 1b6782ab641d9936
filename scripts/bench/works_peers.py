# SPDX-License-Identifier: Apache-2.0
"""What other profilers from Debian take for the same, each against its own bare: a heap
profiler that is an allocator against that allocator without it."""
import os
import shutil

from measure import BARE, PATHS, Variant
from table import Row

LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")


class Peer:
    """A way to run a program: the variant, and which one is its bare."""

    def __init__(self, variant, base=BARE, slower=1):
        self.variant, self.base = variant, base
        self.slower = slower  # how many times less work it is given, where work is counted


def library(name):
    return next((f"{d}/{name}" for d in LIBRARIES if os.path.exists(f"{d}/{name}")), None)


def preloaded(name, file, **env):
    path = library(file)
    return Variant(name, (), {"LD_PRELOAD": path, **env}) if path else None


def is_there(variant):
    return variant and (not variant.prefix or shutil.which(variant.prefix[0], path=PATHS))


def present(peers, notes):
    """Those that are installed, with what is said of the others."""
    found = [p for p in peers if is_there(p.variant) and is_there(p.base)]
    if len(found) < len(peers):
        note = f"{len(peers) - len(found)} peers are not installed: make bench-peers installs them."
        if note not in notes:
            notes.append(note)
    return found


def heap_peers(bench, notes):
    out = bench.out / "peers"
    out.mkdir(exist_ok=True)
    tcmalloc = preloaded("tcmalloc", "libtcmalloc.so.4")
    jemalloc = preloaded("jemalloc", "libjemalloc.so.2")
    conf = f"prof:true,lg_prof_sample:19,prof_final:true,prof_prefix:{out / 'jemalloc'}"
    return present([
        Peer(bench.shim), Peer(bench.libprof(CPU="off")),
        Peer(preloaded("tcmalloc, 512 KiB samples", "libtcmalloc.so.4",
                       TCMALLOC_SAMPLE_PARAMETER="524288"), tcmalloc),
        Peer(preloaded("tcmalloc, HEAPPROFILE", "libtcmalloc.so.4",
                       HEAPPROFILE=str(out / "tcmalloc")), tcmalloc, 20),
        Peer(preloaded("jemalloc, prof 512 KiB", "libjemalloc.so.2", MALLOC_CONF=conf), jemalloc),
        Peer(Variant("heaptrack", ("heaptrack", "-o", str(out / "heaptrack"))), BARE, 20),
    ], notes)


def massif(bench):
    file = bench.out / "peers" / "massif"
    return Peer(Variant("valgrind massif", ("valgrind", "-q", "--tool=massif",
                                            f"--massif-out-file={file}")), BARE, 20)


def cpu_peers(bench, notes, hz):
    """The library, perf in three ways, gperftools' profiler."""
    found = [Peer(bench.libprof(CPU_HZ=hz)),
             Peer(preloaded("gperftools CPUPROFILE", "libprofiler.so.0",
                            CPUPROFILE=str(bench.out / "peers" / "cpu"),
                            CPUPROFILE_FREQUENCY=str(hz)))]
    if bench.has_perf:
        found += [Peer(bench.perf(hz, *stacks)) for stacks in
                  ((), ("--call-graph", "fp"), ("--call-graph", "dwarf,16384"))]
    else:
        notes.append("perf record is not there or not allowed.")
    (bench.out / "peers").mkdir(exist_ok=True)
    return present(found, notes)


def all_in_turn(bench, peers, run, most, seconds):
    """run(variant, slower) for every peer and every bare in turn; name: list of values."""
    runs = {}
    for peer in peers:
        runs.setdefault(peer.base.name, lambda p=peer: run(p.base, 1))
    for peer in peers:
        runs[peer.variant.name] = lambda p=peer: run(p.variant, p.slower)
    return bench.in_turn(runs, most, seconds, 5)


def rows_of(what, unit, change, peers, values):
    """values: by the name of a variant; a row of each peer over its own bare."""
    for peer in peers:
        name = peer.variant.name
        yield Row(f"{what}: {name}", unit, values[peer.base.name], values[name], change,
                  over=peer.base.name, bound=name == "shim")


def pair(bench, notes):
    count = 20_000_000

    def run(variant, slower):
        done = bench.run([bench.out / "pair", count // slower], variant)
        return done.number("pairs", 2) / (count // slower)

    peers = heap_peers(bench, notes)
    values = all_in_turn(bench, peers, run, bench.pick(11, 5), bench.pick(90, 30))
    yield from rows_of("malloc+free pair", "ns", "add", peers, values)
    notes.append("malloc+free pair: 16..527 bytes, one thread, by its CPU clock; heaptrack, "
                 "HEAPPROFILE and massif are given a twentieth of the pairs.")
    slow = present([massif(bench)], notes)
    values = all_in_turn(bench, slow, run, bench.pick(5, 5), bench.pick(60, 20))
    yield from rows_of("malloc+free pair", "ns", "add", slow, values)


def program(bench, notes, name, size):
    peers = heap_peers(bench, notes)
    for is_slow, share, seconds in ((False, 1, bench.pick(100, 25)), (True, 10, 1)):
        def run(variant, _, share=share):
            return 1e3 * bench.run([bench.out / name, size // share], variant).cpu

        chosen = [p for p in peers if (p.slower > 1) is is_slow]
        values = all_in_turn(bench, chosen, run, bench.pick(9, 5), seconds)
        yield from rows_of(f"{name}, CPU", "ms", "ratio", chosen, values)
    notes.append(f"{name}: CPU time of all processes that belong to it, the profiler's too; those "
                 "that record every allocation, and their bare, are given a tenth of the work.")


def bignum(bench, notes):
    yield from program(bench, notes, "bignum", bench.pick(15_000, 3_000))


def document(bench, notes):
    yield from program(bench, notes, "document", bench.pick(80, 25))


def file_bytes(bench, variant):
    """What a profiler left of its last run."""
    if variant.name == "libprof":
        return sum(f.stat().st_size for f in bench.traces.rglob("*") if f.is_file())
    path = bench.out / ("perf.data" if variant.prefix else "peers/cpu")
    return path.stat().st_size


def frames(bench, notes):
    hz, rounds = 999, bench.pick(1600, 500)
    peers = cpu_peers(bench, notes, hz)

    def run(variant, _):
        done = bench.run([bench.work / "w_frames40", rounds], variant)
        size = file_bytes(bench, variant) if variant is not BARE else 0
        bench.remove_traces()
        return done.number("frames", 2) / 1e6, 1e3 * done.cpu, size

    values = all_in_turn(bench, peers, run, bench.pick(15, 5), bench.pick(240, 40))
    for i, what in enumerate(("the thread", "total CPU")):
        yield from rows_of(f"40 frames, {hz} Hz, {what}", "ms", "ratio", peers,
                           {k: [x[i] for x in v] for k, v in values.items()})
    for peer in peers:
        sizes = [x[2] / (x[0] / 1e3 * hz) for x in values[peer.variant.name]]
        yield Row(f"40 frames, {hz} Hz, a sample's file: {peer.variant.name}", "B", [], sizes,
                  counted=True)
    notes.append("40 frames: no frame pointers: perf without stacks has none, with fp none that "
                 "reaches main; with dwarf it copies 16 KiB of each, as the library does, and "
                 "unwinds them later, which is not counted here.  Bytes are over the samples due.")


def start_to_end(bench, notes):
    peers = heap_peers(bench, notes)
    peers += [p for p in cpu_peers(bench, notes, 99)[1:] if p.variant.name != "libprof"]
    peers += present([massif(bench)], notes)

    def run(variant, _):
        return 1e3 * bench.run(["/bin/true"], variant).wall

    values = all_in_turn(bench, peers, run, bench.pick(21, 7), bench.pick(90, 25))
    yield from rows_of("true", "ms", "add", peers, values)


def threads(bench, notes):
    count, turns = bench.pick(15_000, 5_000), bench.pick(80_000, 30_000)
    for what, argv, key, each in (
            ("create+join, 99 Hz", [bench.out / "spawn", count], "spawn", count),
            ("ping-pong, 99 Hz", [bench.out / "pingpong", turns, 1], "pingpong", turns)):
        peers = [p for p in cpu_peers(bench, notes, 99) if "dwarf" not in p.variant.name]

        def run(variant, _, argv=argv, key=key, each=each):
            return bench.run(argv, variant).number(key, 2) / each / 1e3

        values = all_in_turn(bench, peers, run, bench.pick(11, 5), bench.pick(60, 15))
        yield from rows_of(what, "us", "ratio", peers, values)


def exchange(bench, notes):
    """Two threads and cross-thread frees: where allocators and profilers contend."""
    size = 4_000_000

    def run(variant, slower):
        done = bench.run([bench.out / "exchange", 2, size // slower, 1], variant)
        return done.number("exchange", 2) / (2 * (size // slower))

    peers = heap_peers(bench, notes)
    values = all_in_turn(bench, peers, run, bench.pick(9, 5), bench.pick(60, 20))
    yield from rows_of("2 threads, cross frees", "ns", "ratio", peers, values)
    notes.append("2 threads: wall time a pair, blocks freed by either thread; heaptrack and "
                 "HEAPPROFILE are given a twentieth.")


WORKS = {"pair": pair, "exchange": exchange, "bignum": bignum, "document": document,
         "frames": frames, "true": start_to_end, "threads": threads}
