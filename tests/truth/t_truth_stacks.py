#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every captured stack is the truth or marked as not whole: programs in C, C++, Rust
and assembly, built by gcc, clang and rustc at all levels of optimisation, with and without
frame pointers, link-time optimisation, PIE, symbols.

Each function t_x of the programs (stacks/) has one place it is called from, and they
print the stacks that there can be (stacks.h).  A sample's frames are named here from the
symbol table of the unstripped program, not by prof, and must be one of these stacks from
the root on, frame by frame, and begin where a thread or a fiber does; a marked one must
be the leaf's end of one.  Every caller's address must stand behind a call instruction.
Each mark has a limit (MEASURED), which chance exceeds at one build with less than 3e-9.

limit: 100
long: 1800
false: 1e-7
false-long: 4e-6
"""
import bisect
import itertools
import re
import struct

from lib import *

HERE = SRC / "tests/truth/stacks"
HZ = 1999
# Marks that have a known reason (why() below) are counted by it; others may be on so many
# samples of a configuration: there is none on a quiet machine.
UNEXPLAINED = 0.01
FIBER = "a context of makecontext, which nothing called"
LIBGCC = "libgcc installs a handler's registers"
DEEP = "deeper than the copy: "
ALTERNATE = "a handler on a stack of its own"
CLONE = "clone3 has no unwind information behind its system call"
# The largest share of a configuration's samples each was measured on, by language; of
# CLONE on a busy machine, where the kernel takes its time to make a thread.  A mark
# may be on twice that and 14 samples: a Poisson number of that mean, whatever it is, exceeds
# it by chance with less than 3e-9.
MEASURED = {
    FIBER: {"c": 0.055}, ALTERNATE: {"c": 0.046}, DEEP + "truncated": {"c": 0.006},
    LIBGCC: {"c++": 0.027, "rust": 0.0023}, CLONE: {"c": 0.058, "rust": 0.058},
    "[guessed]": {"c": 0.001, "c++": 0.0017},
}
CC = {"gcc": "c", "clang": "c", "g++": "c++", "clang++": "c++"}
STRIP, SPLIT = ["strip"], ["-g", "-gsplit-dwarf"]
RUST_NO_PIE = ["-Crelocation-model=static"]
RUST_SPLIT = ["-g", "-Zunstable-options", "-Csplit-debuginfo=unpacked"]
ET_EXEC, ET_DYN = 2, 3
ALL_OPTIONS = {"RUSTC_BOOTSTRAP": "1"}  # rustc takes -Z; nobody else looks


class Code:
    """What the processor runs of an ELF file, by the file's addresses."""

    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        at, size, n = (*struct.unpack_from("<Q", self.data, 32),
                       *struct.unpack_from("<HH", self.data, 54))
        heads = [struct.unpack_from("<IIQQQQ", self.data, at + i * size) for i in range(n)]
        self.loads = [(h[3], h[2], h[5]) for h in heads if h[0] == 1]

    def before(self, address):
        """The eight bytes before address, or none."""
        for start, offset, size in self.loads:
            if start <= address - 8 and address < start + size:
                return self.data[offset + address - 8 - start:offset + address - start]
        return b""

    def is_behind_call(self, address):
        b = self.before(address)
        indirect = [b[8 - n] == 0xff and b[9 - n] & 0x38 == 0x10 for n in (2, 3, 4, 6, 7) if b]
        return b[3:4] == b"\xe8" or any(indirect)

    def is_behind_syscall(self, address):
        return self.before(address).endswith(b"\x0f\x05")


class Symbols:
    """Functions of a program, by the file's addresses."""

    def __init__(self, program):
        table = run(["nm", "-nS", "--defined-only", program]).out.decode()
        rows = [re.fullmatch(r"(\w+) (\w+) [tTwWi] (\S+)", line) for line in table.splitlines()]
        self.rows = sorted({(int(r[1], 16), int(r[2], 16), self.base(r[3])) for r in rows if r})
        self.code = Code(program)

    @staticmethod
    def base(name):
        """t_x of t_x.cold, t_x.part.0 and of a coroutine's parts."""
        mangled = re.match(r"_ZL?(\d+)(t_\w+)", name)
        return mangled[2][:int(mangled[1])] if mangled else name.split(".")[0]

    def function(self, address):
        i = bisect.bisect(self.rows, (address, 1 << 62)) - 1
        if i >= 0 and address < self.rows[i][0] + self.rows[i][1]:
            return self.rows[i][2]
        return None


def paths_of(out):
    """[[(name, how)]] with how one of `1`, `?`, `+`, `*`; main has what starts it."""
    found = [[("_start", "1"), ("", "*")], [("", "*")]]
    for line in out.decode().splitlines():
        if line.startswith("path "):
            items = []
            for word in line.split()[1:]:
                name = word.rstrip("?+*")
                items.append((name, word[len(name):] or "1"))
            if items[0][0] == "main":
                items[:0] = found[0]
            found.append(items)
    return found


def is_on(path, names, anywhere):
    """Are names (outermost first, "" of other modules) the beginning of path, or,
    anywhere, a part of it?"""
    def reach(states):
        """What may be left out is."""
        todo, found = list(states), set(states)
        while todo:
            i = todo.pop()
            if i < len(path) and path[i][1] in "?*" and i + 1 not in found:
                found.add(i + 1)
                todo.append(i + 1)
        return found

    states = reach(range(len(path)) if anywhere else [0])
    for name in names:
        after = set()
        for i in states:
            if i < len(path) and path[i][0] == name:
                after.add(i + 1)
                if path[i][1] in "+*":
                    after.add(i)
        states = reach(after)
    return bool(states)


class Judge:
    """Holds the stacks of one profile against the truth."""

    def __init__(self, profile, program, symbols, paths):
        self.p, self.symbols, self.paths = profile, symbols, paths
        raw = profile.raw
        self.program = {i for i, m in enumerate(raw["modules"])
                        if m["path"] and pathlib.Path(m["path"]).name == program}
        self.bias = {i: m["mappings"][0]["load_bias"] for i, m in enumerate(raw["modules"])
                     if m["mappings"]}
        self.bias = {i: int(b, 16) if isinstance(b, str) else b for i, b in self.bias.items()}
        names = [pathlib.Path(m["path"] or "").name for m in raw["modules"]]
        self.libc = {i for i, name in enumerate(names) if re.match(r"lib(c|pthread)[.-]", name)}
        self.libc_code = {i: Code(raw["modules"][i]["path"]) for i in self.libc}
        self.loader = {i for i, name in enumerate(names) if name.startswith("ld")}
        self.known = {}

    def frames(self, index):
        found, guessed = [], False
        while index is not None:
            s = self.p.raw["stacks"][index]
            f = self.p.raw["frames"][s["frame"]]
            guessed |= "guessed" in s
            if not f["inlined"]:
                found.append(f)
            index = s["parent"]
        return found[::-1], guessed

    def is_kernel(self, frame):
        return frame["module"] is not None and \
            self.p.raw["modules"][frame["module"]]["kind"] == "kernel"

    def name(self, frame):
        """`t_x`, `main` and `_start` of the program, "" of what is not its own."""
        if frame["module"] not in self.program:
            return ""
        address = int(frame["address"], 16) - self.bias[frame["module"]]
        name = self.symbols.function(address) or ""
        return name if name in ("main", "_start") or name.startswith("t_") else ""

    def is_rooted(self, frames, names):
        """Do the outermost frames start a stack?  That is _start and what of libc calls
        main; libc's clone3 and start_thread; what of it starts a fiber; or the dynamic
        loader, before anything of the program runs."""
        modules = [f["module"] for f in frames]
        of_libc = list(itertools.takewhile(lambda m: m in self.libc, modules))
        if names[0] == "_start":
            return len(names) == 1 or modules[1] in self.libc | self.loader
        if modules[0] in self.loader:
            return not any(names)
        if names[1:2] == ["t_fiber"]:
            return len(of_libc) == 1
        return len(of_libc) >= min(2, len(names))

    def is_in_system_call(self, leaf):
        code = self.libc_code.get(leaf["module"])
        return code and code.is_behind_syscall(int(leaf["address"], 16) - self.bias[leaf["module"]])

    def why(self, mark, frames, names):
        """What is known to keep a stack from being whole, or the mark."""
        paths = [self.p.raw["modules"][f["module"]]["path"] or "" for f in frames
                 if f["module"] is not None]
        if mark == "[broken]" and "t_fiber" in names:
            return FIBER
        if mark == "[broken]" and any("libgcc_s" in path for path in paths[-2:]):
            return LIBGCC
        if mark in ("[truncated]", "[stitched]") and "t_down" in names:
            return DEEP + mark[1:-1]
        if mark in ("[truncated]", "[broken]") and "t_alt_handler" in names:
            return ALTERNATE
        threads = mark == "[guessed]" and "t_threads" in names
        started = mark == "[broken]" and len(frames) == 1
        if (threads or started) and self.is_in_system_call(frames[-1]):
            return CLONE
        return mark

    def judge(self, index):
        """(mark, whether it is true, names) of a stack; mark "" none."""
        frames, guessed = self.frames(index)
        mark = "[guessed]" if guessed else ""
        if frames[0]["kind"] == "marker":
            mark = self.p.raw["functions"][frames[0]["function"]]["name"]
            frames = frames[1:]
        kernel = []
        while frames and self.is_kernel(frames[-1]):
            kernel.append(self.p.raw["functions"][frames.pop()["function"]]["name"])
        names = [self.name(f) for f in frames]
        anywhere = mark not in ("", "[stitched]", "[guessed]")
        true = any(f["kind"] == "marker" for f in frames) is False
        true &= any(is_on(path, names, anywhere) for path in self.paths)
        if not anywhere and any("rt_sigreturn" in name for name in kernel):
            true &= bool({"t_raise", "t_trap", "t_elsewhere"} & set(names))
        if not anywhere and frames:
            true &= self.is_rooted(frames, names)
        for f, name, inner in zip(frames, names, names[1:]):
            if name and inner:
                address = int(f["address"], 16) - self.bias[f["module"]]
                true &= self.symbols.code.is_behind_call(address + 1)
        return self.why(mark, frames, names), true, names

    def count(self):
        marks, wrong, samples, outside, seen = {}, [], 0, 0, set()
        for row in self.p.raw["samples"]:
            if not row["count"] or row["stack"] is None:
                continue
            if row["stack"] not in self.known:
                self.known[row["stack"]] = self.judge(row["stack"])
            mark, true, names = self.known[row["stack"]]
            samples += row["count"]
            seen.update(names)
            outside += 0 if any(names) else row["count"]
            if mark:
                marks[mark] = marks.get(mark, 0) + row["count"]
            if not true:
                wrong.append((row["count"], mark, self.p.stack(row["stack"]), names))
        return samples, marks, wrong, outside, seen


def missing(cc, flags):
    """Why the build cannot be made here, or None."""
    tool = "ld.lld" if "-fuse-ld=lld" in flags else cc
    if not shutil.which(cc):
        return cc + ": not installed"
    if not shutil.which(tool):
        return f"{cc} -flto: no {tool}"
    odd = [f for f in flags if f in RUST_NO_PIE + RUST_SPLIT]
    if cc == "rustc" and odd:
        (HOME / "empty.rs").write_text("fn main() {}\n")
        made = run([cc, *odd, "empty.rs"], env=ALL_OPTIONS)
        if made.status:
            return f"{cc} {' '.join(odd)}: " + made.err.decode().partition("\n")[0]
    return None


def check_form(name, flags):
    """The program is what the flags ask for."""
    kind = struct.unpack_from("<H", (HOME / f"{name}.sym").read_bytes(), 16)[0]
    for flag, wanted in (("-no-pie", ET_EXEC), (RUST_NO_PIE[0], ET_EXEC), ("-pie", ET_DYN)):
        check(flag not in flags or kind == wanted, name, "is of ELF type", kind)
    if {SPLIT[-1], RUST_SPLIT[-1]} & set(flags) and "-flto" not in flags:
        check([*HOME.glob("*.dwo")], name, "has no .dwo files")


def build(language, cc, flags, name):
    """The program and its copy with symbols; None when the compiler cannot."""
    source = {"c": "stacks.c", "c++": "stacks.cc", "rust": "stacks.rs"}[language]
    extra = []
    if language == "c":
        lib = HOME / f"{name}.so"
        made = run([cc, "-O2", "-shared", "-fPIC", f"-Wl,-soname,{name}.so",
                    HERE / "stacks_lib.c", "-o", lib])
        check(made.status == 0, cc, made.err.decode())
        extra = ["-std=gnu11", HERE / "stacks_asm.S", lib, "-pthread"]
    elif language == "c++":
        extra = ["-std=c++20"]
    strip = "strip" in flags
    made = run([cc, *[f for f in flags if f != "strip"], HERE / source, *extra, "-o",
                HOME / f"{name}.sym"], env=ALL_OPTIONS, timeout=100)
    check(made.status == 0, name, made.err.decode()[-1500:])
    check_form(name, flags)
    shutil.copy2(HOME / f"{name}.sym", HOME / name)
    if strip:
        made = run(["strip", HOME / name])
        check(made.status == 0, name, made.err.decode())
    return HOME / name, HOME / f"{name}.sym"


def try_one(language, cc, flags, engine, ms, everybody):
    """[(samples, marks)] of a build's runs: by us or, everybody, by an ordinary user too."""
    name = "-".join([language, cc, *[f.strip("-").replace("=", "-") for f in flags]])
    program, with_symbols = build(language, cc, flags, name)
    found = [run_one(name, program, with_symbols, engine, ms, user)
             for user in (users() if everybody else users()[:1])]
    for path in {*HOME.glob(name + "*"), *HOME.glob("*.dwo")}:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def run_one(name, program, with_symbols, engine, ms, user):
    env = preload(user, out="trace", cpu=engine, cpu_hz=HZ)
    lib = HOME / f"{name}.so"
    if lib.exists():
        env["LD_LIBRARY_PATH"] = pathlib.Path(user.file(lib)).parent
    ran = run([user.file(program), ms], user, env=env)
    check(ran.status == 0, name, user.name, "status", ran.status, ran.err.decode())
    p = Profile(user.home / "trace")
    engine = p.cpu_engine
    shutil.rmtree(user.home / "trace")
    name += f" ({user.name})"
    judge = Judge(p, program.name, Symbols(with_symbols), paths_of(ran.out))
    samples, marks, wrong, outside, seen = judge.count()
    note(f"{name} ({engine}): {samples} samples, marked {marks}, outside {outside}")
    for n, mark, stack, names in wrong[:5]:
        note(f"  wrong: {n} {mark}", ";".join(stack), names)
    check(not wrong, name, engine, sum(w[0] for w in wrong), "of", samples, "samples are wrong")
    check(samples >= 50 and outside <= 0.1 * samples + 20, name, samples, "samples,", outside,
          "outside of the program")
    # some 4 % of the samples: of the 1,000 by perf e^-40 see none
    check(engine != "perf" or not name.startswith("c++") or "t_coroutine_leaf" in seen, name,
          "no coroutine was seen")
    # a stitched one has both ends and was held against the truth, however many there are
    for mark in set(marks) & set(MEASURED):
        most = 2 * MEASURED[mark].get(name.split("-")[0], 0) * samples + 14
        check(marks[mark] <= most, name, "of", samples, "marked", marks, "at most", most, mark)
    unexplained = sum(n for mark, n in marks.items() if mark[0] == "[" and mark != "[guessed]")
    check(unexplained <= UNEXPLAINED * samples + 5, name, "of", samples, "marked", marks)
    return samples, marks


def matrix():
    """(language, compiler, flags) of the long form."""
    frame_pointers = ("-fomit-frame-pointer", "-fno-omit-frame-pointer")
    for o, fp, lto, pie in itertools.product("0123", frame_pointers, (False, True), (False, True)):
        link = (["-flto"] if lto else []) + (["-fPIE", "-pie"] if pie else ["-fno-pie", "-no-pie"])
        more = STRIP if int(o) % 2 == pie else SPLIT
        for cc in CC:
            ld = ["-fuse-ld=lld"] if lto and "clang" in cc else []
            yield CC[cc], cc, ["-O" + o, fp, *link, *ld, *more]
    # what the rows above leave out: symbols the other way around
    for cc, (o, more) in itertools.product(CC, (("2", STRIP), ("3", SPLIT))):
        yield CC[cc], cc, ["-O" + o, "-fomit-frame-pointer", "-fPIE", "-pie", *more]
    for cc, (o, more) in itertools.product(CC, (("2", SPLIT), ("3", STRIP))):
        yield CC[cc], cc, ["-O" + o, "-fomit-frame-pointer", "-fno-pie", "-no-pie", *more]
    for o, fp, lto in itertools.product("0123", ("yes", "no"), ("off", "fat")):
        yield "rust", "rustc", ["--edition=2021", "-Copt-level=" + o,
                                "-Cforce-frame-pointers=" + fp, "-Clto=" + lto,
                                *(STRIP if lto == "fat" else [])]
    for o, pie, more in (("2", RUST_NO_PIE, []), ("3", RUST_NO_PIE, STRIP), ("2", [], RUST_SPLIT),
                         ("3", RUST_NO_PIE, RUST_SPLIT)):
        yield "rust", "rustc", ["--edition=2021", "-Copt-level=" + o, *pie, *more]


SHORT = [
    ("c", "gcc", ["-O2", "-fomit-frame-pointer", "-pie", "-fPIE"], "perf"),
    ("c", "clang", ["-O0", "-fno-omit-frame-pointer", "-no-pie", "-fno-pie", "strip"], "perf"),
    ("c", "gcc", ["-O3", "-flto", "-fomit-frame-pointer", "-g", "-gsplit-dwarf"], "timer"),
    ("c++", "g++", ["-O3", "-flto", "-fomit-frame-pointer", "-fPIE", "-pie", "strip"], "perf"),
    ("c++", "clang++", ["-O2", "-fno-omit-frame-pointer", "-fno-pie", "-no-pie"], "perf"),
    ("rust", "rustc", ["--edition=2021", "-Copt-level=2"], "perf"),
]

total, marked, left_out, skipped, by_everybody = 0, {}, set(), 0, set()
if LONG:
    tries = [(*t, "timer" if i % 5 == 0 else "perf") for i, t in enumerate(matrix())]
else:
    tries = SHORT
for language, cc, flags, engine in tries:
    why = missing(cc, flags)
    if why:
        skipped += 1
        left_out.add(why)
        continue
    # by an ordinary user, too: one build, of the long form one in each language
    everybody = language not in by_everybody and (LONG or not by_everybody)
    by_everybody |= {language}
    for samples, marks in try_one(language, cc, flags, engine, 600 if LONG else 500, everybody):
        total += samples
        for mark, n in marks.items():
            marked[mark] = marked.get(mark, 0) + n
note("all:", total, "samples, 0 wrong, marked:", marked, "left out:", sorted(left_out))
if not total:
    skip("no build: " + ", ".join(sorted(left_out)))
measured("stacks", "the truth corpus: every stack is true or marked",
         f"{len(tries) - skipped} builds, {total} samples",
         "0 wrong, marked: " + (", ".join(f"{n} {m}" for m, n in marked.items()) or "none")
         + (f"; left out: {', '.join(sorted(left_out))}" if left_out else ""))
if left_out:
    note("left out:", ", ".join(sorted(left_out)))
