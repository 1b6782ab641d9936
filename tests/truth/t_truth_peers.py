#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs seen by libprof and by a peer: CPU time by `perf record --call-graph dwarf`
(both see one and the same run), allocations by heaptrack (another run of it).

What the samples of both stand for is the same within 2 % (20,000 samples and more).  Of the
20 functions with most time of their own, and of the 20 in most stacks, 18 or more are among
the other's 20, or so near its 20th place that 3 standard deviations reach it; shares differ
by less than 2 points, or 3 standard deviations.  The same for the 20 sites that allocate
most: a site is the call with the two around it, each by its module and address.  How
functions are told apart without names: peers.py.

Explained differences: perf's samples, and libprof's before they are fitted to the threads'
clocks, are of the time that passes while a thread runs; its clock leaves out what interrupts
and the host took of it (up to 2 % on the machine that this was written on; the row says
both).  perf begins before the library is loaded and counts its writer, which is no part of
the program, so samples before the trace's start and of threads that are not in it are left
out.  Its unwinder finds no table in libraries whose code has a segment of its own and no
separate debug file (sqlite3's and xz's), so stacks are compared where the innermost function
is the executable's (python3's), as far as perf has them up to the C library's start of main;
what lies beyond is in all of libprof's and none of perf's.  xz's two threads need one buffer
more or less, as they come to run: 1 MiB of 100.

2 points are 5 standard deviations and more of any share of 20,000 samples, and a place is
missed only where two of 20 lie further off than theirs: below 1e-6 by chance.

only: long
long: 480
false-long: 1e-6
"""
from peers import *

need("perf", "heaptrack", "zstd", "sqlite3", "xz", "perl", "/usr/bin/python3", "readelf")
QUERY = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
         "SELECT count(*), sum(i*i %% 7), max(length(hex(i))) FROM n;")
(HOME / "input").write_bytes(b"".join(b"%d some words, %x more; " % (i, i * 2654435761 % 2 ** 32)
                                      for i in range(600_000)))
(HOME / "work.py").write_text("""
import re, sys
class Node:
    def __init__(self, key):
        self.key, self.children, self.text = key, [], "node %d of some" % key
def build(depth, key):
    node = Node(key)
    if depth:
        node.children = [build(depth - 1, key * 5 + i) for i in range(5)]
    return node
def walk(node):
    yield node.text
    for child in sorted(node.children, key=lambda c: -c.key):
        yield from walk(child)
for i in range(int(sys.argv[1])):
    text = " ".join(walk(build(5, i)))
    words = re.findall(r"n[a-z]+ ([0-9]+)", text)
    numbers = {w: len(w) * j for j, w in enumerate(words)}
    sum(sorted(numbers.values())[::7])
    text.replace("some", "other").upper().split()
""")
(HOME / "work.pl").write_text("""
my %count = map { ("key$_" => "x" x ($_ % 300)) } 1..20000;
my @list = map { [$_, $_ * 2, "y" x ($_ % 40)] } 1..15000;
my @words = split / /, join " ", map { sprintf "%d-%s", $_, $count{"key$_"} } 1..5000;
my %seen; $seen{length $_}++ for @words;
s/x+/z/ for @words;
my @sorted = sort { $a->[2] cmp $b->[2] || $b->[0] <=> $a->[0] } @list;
my $text = join ",", map { "@$_" } @sorted;
my @found = $text =~ /(\\d+) y+/g;
sub tree { my $n = shift; return $n ? { left => tree($n - 1), right => tree($n - 1) } : [$n] }
my $tree = tree(12);
""")
PROGRAMS = {
    "xz": ["/usr/bin/xz", "-T2", "-4", "--block-size=1MiB", "-kc", HOME / "input"],
    "python3": ["/usr/bin/python3", "-B", HOME / "work.py", 700],
}
SQLITE = ["/usr/bin/sqlite3", ":memory:"]
TABLE = ("create table t(a, b); create index i on t(b); with recursive n(i) as (select 1 union all "
         "select i+1 from n where i < 40000) insert into t select i, hex(i * 7919) from n; "
         "select b, count(*) from t group by substr(b, 3) order by 2, 1 limit 5; "
         "create table u as select a, upper(b) c from t where a % 3; delete from t where a < 9000; "
         "select count(*), max(length(hex(c))) from u join t using (a); ")
TOP = 20
SITE_DEPTH = 3


def deviation(n, share):
    return math.sqrt(max(share * (1 - share), 1 / n) / n)


def is_near(mine, theirs, n_mine, n_theirs):
    limit = 3 * math.hypot(deviation(n_mine, mine), deviation(n_theirs, theirs))
    return abs(mine - theirs) <= max(0.02, limit)


def shared(mine, theirs, n_mine, n_theirs):
    """How many of my largest are among theirs, or not certainly below their last."""
    last = theirs.most_common(TOP)[-1][1]
    return sum(theirs[k] >= last - 3 * math.hypot(deviation(n_mine, share),
                                                  deviation(n_theirs, last))
               for k, share in mine.most_common(TOP))


def compare(what, mine, theirs, size, whole=None):
    """Two Counters, of samples or bytes, that rest on so many samples each; whole: what their
    shares are of, else their sums.  Returns the worst difference and how many are shared."""
    whole = whole or (sum(mine.values()), sum(theirs.values()))
    shares = [collections.Counter({k: v / n for k, v in c.items()})
              for c, n in zip((mine, theirs), whole)]
    worst = 0
    for key in {k for c in shares for k, _ in c.most_common(TOP)}:
        a, b = shares[0][key], shares[1][key]
        note(f"  {what} {key} libprof {100 * a:.2f} % peer {100 * b:.2f} %")
        check(is_near(a, b, *size), what, key, f"libprof {100 * a:.2f} % peer {100 * b:.2f} %")
        worst = max(worst, abs(a - b))
    places = min(TOP, len(shares[0]), len(shares[1]))
    both = min(shared(*shares, *size), shared(*reversed(shares), *reversed(size)))
    check(both >= places - 2, what, "shares only", both, "of", places)
    outright = len({k for k, _ in shares[0].most_common(TOP)}
                   & {k for k, _ in shares[1].most_common(TOP)})
    return worst, f"{both} of {places} ({outright} outright)"


def tally(stacks):
    """(own, in stack) of (weight, functions innermost first)."""
    own, inside = collections.Counter(), collections.Counter()
    for weight, frames in stacks:
        if frames:
            own[frames[0]] += weight
            for f in set(frames):
                inside[f] += weight
    return own, inside


def cpu(name, command, hz, stack_bytes):
    out = HOME / f"{name}-cpu"
    ran = perf_record(command, preload(out=out, cpu="perf", cpu_hz=hz, heap="off", children=0,
                                       stack_bytes=16384), hz + 12, stack_bytes)
    check(ran.status == 0, name, ran.status, ran.err.decode())
    p = Profile(out)
    tids = {t["tid"] for t in p.threads}
    start = p.process["start_mono_ns"]
    seen = [(period, frames) for tid, t, period, frames in perf_samples()
            if tid in tids and t >= start]
    total, theirs = p.process["cpu_ns"], sum(period for period, _ in seen)
    note(name, "CPU", total, "perf", theirs, "samples", len(seen))
    check(len(seen) > 10000, name, "only", len(seen), "samples of perf's")
    sampled = p.count(is_sampled) * 1e9 / hz
    near(theirs, sampled, 0.02, f"{name}: CPU time that samples stand for")
    mine = list(cpu_of(p))
    own, their_own = tally(mine)[0], tally((1, f) for _, f in seen)[0]
    found = compare(f"{name} self", own, their_own, (sum(own.values()), len(seen)))
    roots = {f for _, frames in mine for f in frames[-3:]}
    program = os.path.basename(p.process["exe"])
    there = [(n, f) for n, f in mine if f and f[0][0] == program]
    of_perf = [f for _, f in seen if f and f[0][0] == program]
    whole = [f for f in of_perf if f[-1] in roots]
    note(name, f"perf has {len(whole)} of {len(of_perf)} stacks of {program} whole")
    callers = "perf unwinds too few stacks to compare callers"
    if len(whole) > max(500, 0.9 * len(of_perf)):
        a, b = (tally((n, [f for f in frames if f not in roots]) for n, frames in stacks)[1]
                for stacks in (there, [(1, f) for f in whole]))
        sizes = sum(n for n, _ in there), len(whole)
        worst, both = compare(f"{name} total", a, b, sizes, sizes)
        callers = f"with callers {both}, {100 * worst:.1f} points"
    check(name != "python3" or "with" in callers, name, callers)
    measured("peers", f"{name}: CPU total and its 20 hottest functions as perf has them",
             f"{sum(own.values())} and {len(seen)} samples",
             f"total {100 * (theirs / sampled - 1):+.2f} % of libprof's samples, "
             f"{100 * (theirs / total - 1):+.2f} % of the clocks; {found[1]} shared, shares within "
             f"{100 * found[0]:.1f} points; {callers}")


def heap(name, command, heap_bytes, env=None):
    for attempt in range(5):  # where the writer is starved events are lost, and the trace says so
        out = HOME / f"{name}-heap-{attempt}"
        ours = preload(out=out, cpu="off", heap_bytes=heap_bytes, heap_hz=0, children=0,
                       stack_bytes=8192)
        ran = run(command, env=dict(env or {}, **ours), timeout=200)
        check(ran.status == 0, name, ran.status, ran.err.decode())
        p = Profile(out)
        if not sum(p.losses.values()):
            break
    check(not sum(p.losses.values()), name, p.losses)
    peer = heaptrack(command, env, depth=SITE_DEPTH)
    calls, size = (sum(t[m] for t in p.threads) for m in ("alloc_calls", "alloc_bytes"))
    note(name, "calls", calls, peer["calls"], "bytes", size, peer["bytes"])
    near(peer["calls"], calls, 0.02, f"{name}: calls")
    near(peer["bytes"], size, 0.02, f"{name}: bytes")
    mine = heap_of(p, "alloc_space", SITE_DEPTH)
    check(min(len(mine), len(peer["alloc"])) >= TOP, name, "only", len(mine), "sites, peer",
          len(peer["alloc"]))
    n = sum(row["alloc_n"] for row in p.raw["heap"])
    worst, both = compare(f"{name} heap", mine, peer["alloc"], (n, 10**9))
    measured("peers", f"{name}: calls, bytes and the 20 largest sites as heaptrack has them",
             f"{n} samples of {calls} calls", f"calls {100 * (peer['calls'] / calls - 1):+.2f} %, "
             f"bytes {100 * (peer['bytes'] / size - 1):+.2f} %; {both} shared, shares "
             f"within {100 * worst:.1f} points")


# perf unwinds neither xz's library nor sqlite3's: a short copy of the stack will do
cpu("xz", PROGRAMS["xz"], 5003, 1024)
cpu("python3", PROGRAMS["python3"], 5003, 16384)
cpu("sqlite3", [*SQLITE, QUERY % 10_000_000], 5003, 1024)
heap("xz", PROGRAMS["xz"], 1)
heap("python3", [*PROGRAMS["python3"][:-1], 100], "16K")
heap("sqlite3", [*SQLITE, TABLE], 1024)
heap("perl", ["/usr/bin/perl", HOME / "work.pl"], 1024, env={"PERL_HASH_SEED": "0"})
