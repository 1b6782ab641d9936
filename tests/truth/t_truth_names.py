#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names, files, lines and inline chains are those that eu-addr2line or
llvm-symbolizer finds in the same code, for at least 99.9 % of random addresses
in the code of each module (names_corpus.py), kind by kind; what is taken out before
is counted by its reason (REASONS), and of the rest not one address may be otherwise.
limit: 150
long: 2400

The addresses are leaves of samples in a trace made for the purpose, read by `prof
json`.  Compared are linkage names, whole paths, lines, and the number of frames.
Six things are made equal first, and counted:

  alias     of several symbols at the address of a function any is its name
  cold      `f.cold` is the part of f that the compiler moved away: f
  label     a label without a size before a function (GCC's LTO makes some) is not its name
  own part  a part of f that was split off and put back is inlined into f at the
            line where f is declared: one frame, not two
  mapped    a file `./dir/file` whose unit's directory, `./dir`, was mapped as well (-ffile-
            prefix-map): the referees put one before the other, dir/dir/file
  no name   `module!fn_<start>`, `[module]` and `name@plt` are no names to the referees, who say
            ??; the start must be that of the unwind entry around the address, the
            name that which objdump gives the entry

Nothing is random but the addresses, whose seed is fixed: there is no false failure.
"""
import collections
import functools
import itertools
import os
import pathlib
import random
import re

import names_corpus as corpus
import names_text
from lib import *
from names_elf import Elf, holder, plt_names
from names_referees import ask_eu, ask_llvm, ask_prof

ADDRESSES = 10000 if LONG else 400
EU_MOST = 2000  # eu-addr2line takes 10 ms an address of a large C++ program
CLAIMS = {
    "c": "names, files, lines and inline chains as eu-addr2line or llvm-symbolizer finds them: "
         "C, gcc and clang, -O0 to -O3, LTO, DWARF 4 and 5, debug files, compressed, split",
    "c++": "the same, C++: templates, lambdas, partial units, folded functions",
    "rust": "the same, Rust, older and newer mangling",
    "assembly": "the same, assembly",
    "fold": "the same, functions folded by lld and gold",
    "packaged": "the same, the C library with its debug package",
    "real": "the same, installed modules without debug information",
    "stripped": "stripped code: a function's bounds are those of the symbol it had",
}
MADE_EQUAL = ("alias", "cold", "label", "own part", "mapped", "no name", "named", "bounds", "plt",
              "no function", "no unwind entry")
REASONS = ("padding behind an unsized label", "line of another function folded with it",
           "the referees have another function folded with it")
COLD = re.compile(r"\.cold(\.\d+)?$")
REAL = ("/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
        "/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
        "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0", "/usr/bin/python3",
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "/usr/lib/x86_64-linux-gnu/libunwind.so.8",
        str(PROF), str(LIB))


def pick(elf, n, seed):
    """n distinct addresses, each byte of executable sections as likely as another."""
    code = elf.code()
    total = sum(size for _, size, _ in code)
    found = []
    for at in random.Random(seed).sample(range(total), min(n, total)):
        for start, size, _ in code:
            if at < size:
                found.append(start + at)
                break
            at -= size
    return sorted(found)


def is_itself(elf, part, name):
    """Constructors and destructors have several linkage names, and inlined none."""
    return elf.aliases(part, name) or (
        re.sub("[CD][0-5]E", "", part) == re.sub("[CD][0-5]E", "", name)) or (
            not part.startswith("_Z") and part.lstrip("~") in name)


def merged(elf, frames):
    """Without calls of a function by itself on the line of its declaration: the part
    stands where its caller does, with its own line."""
    out = []
    for f in frames:
        if (out and f.declared and f.declared == out[-1].declared and f.line == f.declared[1] and
                is_itself(elf, out[-1].name or "?", f.name or "?")):
            out[-1] = f._replace(file=out[-1].file, line=out[-1].line)
        else:
            out.append(f)
    return out


class Compared:
    """One module's answers beside the referees'."""

    def __init__(self, elf):
        self.elf, self.count = elf, collections.Counter()

    def same_function(self, address, own, other, used):
        """Two names of a function that is not inlined."""
        if other and COLD.search(other):
            other = COLD.sub("", other)
            used.add("cold")
        if own == other:
            return True
        if not own or not other:
            return False
        if self.elf.aliases(own, other):
            used.add("alias")
        elif self.elf.is_label(other) and any(own == n for _, _, n, _ in self.elf.around(address)):
            used.add("label")
        else:
            return False
        return True

    @staticmethod
    def same_file(own, other, used):
        if own.startswith("./") and other != os.path.normpath(own):
            used.add("mapped")
            mapped = os.path.normpath(own)
            return other == f"{mapped.partition('/')[0]}/{mapped}" or other.endswith("/" + mapped)
        return os.path.normpath(own) == other

    def why_not(self, address, own, other, used):
        """In what the chains differ; None: in nothing.  used: what was made equal."""
        if len(own) != len(other):
            return "depth"
        for i, (a, b) in enumerate(zip(own, other)):
            outer = i + 1 == len(own)
            if not (self.same_function(address, a.name, b.name, used) if outer else
                    a.name == b.name):
                return "name"
            if a.line != b.line or (a.line and not self.same_file(a.file or "?", b.file, used)):
                return "line"
            if outer and not a.name:
                used.add("no name")
        return None

    def equal(self, address, own, other):
        """True when they are, whatever has to be made equal; counts what had to be."""
        for form in (other, merged(self.elf, other)):
            used = set()
            if not self.why_not(address, own, form, used):
                used |= {"own part"} if len(form) != len(other) else set()
                self.count.update(used)
                return True
        return False


def check_bounds(elf, whole, fdes, plt, address, text, module):
    """What stands in place of a name, which no referee gives."""
    if text.endswith("@plt"):
        at, name = max((a for a in plt if a <= address), default=-16), text.removesuffix("@plt")
        return address - at < 16 and (plt[at] == name or name in whole.at[plt[at]])
    fde = holder(fdes, address)
    if "!fn_" in text:
        return fde and text == f"{module}!fn_{fde[0]:x}"
    if text.endswith("![plt]"):
        return any(a <= address < a + n and s.startswith(".plt") for a, n, s in elf.code())
    return not fde and text == f"[{module}]"


def is_past_end(elf, fdes, own, other, address):
    """A label without a size: for the referees it reaches to the next symbol; the unwind
    entry that begins with it says where its code ends, and what lies behind is padding."""
    if own[-1].name or not other[-1].name or not elf.is_label(other[-1].name):
        return False
    ends = [end for at in elf.named[other[-1].name] for start, end in fdes if start == at]
    return len(ends) == 1 and ends[0] <= address


def compare_unfolded(elf, twin, answers, left, every):
    """address -> reason, None: wrong, of all answers that name a function around the address,
    against llvm-symbolizer at the same place of that function in the same program linked
    without folding: name and chain have to be of one function.  Of the lines of several
    functions at one address which one is found is chance, for all tools.  every: not
    those of left alone (lld keeps what describes one of the functions, gold all)."""
    other, there, found = Elf(twin), {}, {}
    for a, frames in answers.items():
        starts = [s for s, _, name, _ in elf.around(a) if name == frames[-1].name]
        if (every or a in left) and starts and len(other.named.get(frames[-1].name, ())) == 1:
            there[a] = min(other.named[frames[-1].name]) + a - starts[0]
    llvm, c = ask_llvm(twin, sorted(set(there.values()))) if there else {}, Compared(other)
    for a, at in there.items():
        same = c.equal(at, answers[a], llvm[at])
        if same and a in left:
            found[a] = REASONS[2]
        elif not same:
            chains = [[f._replace(line=0) for f in frames] for frames in (answers[a], llvm[at])]
            found[a] = REASONS[1] if c.equal(at, *chains) else None
    return found


def compare(name, path, whole, options=(), twin=None, every=False):
    """Counts the addresses of path that are as a referee has them in whole.  twin: makes
    the same program linked without folding, and gives its path."""
    elf, own = Elf(whole), Elf(path)
    addresses = pick(own, ADDRESSES, name)
    answers, row = ask_prof(str(path), own.build_id, addresses, "trace-" + name, *options)
    llvm, c = ask_llvm(whole, addresses), Compared(elf)
    left = [a for a in addresses if not c.equal(a, answers[a], llvm[a])]
    eu = ask_eu(whole, left[:EU_MOST]) if left else {}
    left = [a for a in left if a not in eu or not c.equal(a, answers[a], eu[a])]
    fdes, plt = own.fdes(), plt_names(path)
    why = {a: REASONS[0] if is_past_end(elf, fdes, answers[a], llvm[a], a) else None
           for a in left}
    why.update(compare_unfolded(elf, twin(), answers, left, every) if twin else {})
    left = [a for a in why if not why[a]]
    c.count.update(filter(None, why.values()))
    for a in addresses:
        f = answers[a][-1]
        if not f.name and a not in left and not check_bounds(own, elf, fdes, plt, a, f.text,
                                                            pathlib.Path(path).name):
            note(name, hex(a), "is called", f.text)
            left.append(a)
    for a in left[:10]:
        note(name, hex(a), "\n  prof", *answers[a], "\n  llvm", *llvm[a], "\n  eu  ",
             *eu.get(a, ["not asked"]))
    if elf.section(".debug_info"):
        check(row["lines"] and not row["advice"], name, "is said to lack lines:", row["advice"])
    seen, wrong = names_text.compare(whole, answers, note)
    c.count.update(addresses=len(addresses), left=len(left), texts=seen, wrong_texts=wrong)
    note(f"{name}: {dict(c.count)}", row["symbols"], row["advice"])
    return c.count


def compare_bounds(name, path, twin, options=()):
    """A stripped module against the symbols of what it was stripped of: names are those of
    functions that hold the address, bounds begin where such a function does."""
    elf, own = Elf(twin), Elf(path)
    addresses = pick(own, ADDRESSES, name)
    answers, row = ask_prof(str(path), own.build_id, addresses, "trace-" + name, *options)
    count, fdes, plt = collections.Counter(), own.fdes(), plt_names(path)
    for a in addresses:
        f, around = answers[a][-1], elf.around(a)
        starts = {s for s, *_ in around}
        if f.name:
            good, kind = any(f.name == n for _, _, n, _ in around), "named"
        else:
            good = check_bounds(own, elf, fdes, plt, a, f.text, pathlib.Path(path).name)
            kind = "bounds" if "!fn_" in f.text else "plt" if "plt" in f.text else "no function"
            if kind == "bounds" and starts and int(f.text.rpartition("_")[2], 16) not in starts:
                good = False
            if kind == "no function" and starts:
                kind = "no unwind entry"
        count.update(addresses=1, left=not good, **{kind: 1})
        if not good:
            note(name, hex(a), f, around)
    note(f"{name}: {dict(count)}", row["symbols"], row["advice"])
    return count


def debug_file(build_id):
    """Where the distribution's debug package has the symbols of an installed module."""
    path = pathlib.Path("/usr/lib/debug/.build-id", build_id.hex()[:2], build_id.hex()[2:])
    path = path.with_name(path.name + ".debug")
    return path if path.exists() else None


def installed():
    """(name, path, file of the referees) of real modules, with debug packages or without."""
    for path in REAL:
        if os.path.exists(path):
            path = pathlib.Path(path).resolve()
            yield "real-" + path.name, path, debug_file(Elf(path).build_id) or path


def libc_stripped():
    """The C library as it were without its debug package: (path, twin)."""
    libc = pathlib.Path(REAL[0])
    twin = debug_file(Elf(libc).build_id)
    if not twin:
        skip("no debug information of the C library (libc6-dbg)")
    subprocess.run(["objcopy", "-R", ".note.gnu.build-id", "-R", ".gnu_debuglink", libc,
                    "libc-stripped"], check=True)
    return pathlib.Path("libc-stripped").absolute(), twin


class Sums:
    """What came of all modules, for tests/TRUTH.md."""

    def __init__(self):
        self.count, self.modules = collections.defaultdict(collections.Counter), {}
        self.bad, self.small = [], []
        self.left_out = collections.defaultdict(list)  # kind -> the tools each module lacks

    def add(self, kind, name, count):
        if count["addresses"] < ADDRESSES:
            self.small.append(name)
        self.count[kind].update(count, modules=1)
        if count["left"] or count["wrong_texts"]:
            self.bad.append(name)

    def tell(self):
        """Rows of the table; {kind: share of its addresses that are as a referee has them}."""
        shares = {}
        for kind, c in self.count.items():
            out = sum(c[r] for r in REASONS)
            n = c["addresses"] - out
            shares[kind] = (n - c["left"]) / n
            made = ", ".join(f"{what} {c[what]}" for what in MADE_EQUAL if c[what])
            taken = ", ".join(f"{what} {c[what]}" for what in REASONS if c[what])
            found = f"{shares[kind]:.3%} of {n}" + (f" ({made})" if made else "")
            found += f"; {out} taken out: {taken}" if out else ""
            if c["texts"]:
                found += f"; demangled names: {c['wrong_texts']} of {c['texts']} otherwise"
            if kind in self.left_out:
                found += f"; left out: {self.without(kind)}"
            load = f"{c['addresses']} addresses in {c['modules']} modules"
            measured("names", CLAIMS[kind], load, found)
            note(f"{kind}: {load}:", found)
        for kind in self.left_out.keys() - self.count.keys():
            measured("names", CLAIMS[kind], "none", f"left out: {self.without(kind)}")
        return shares

    def without(self, kind):
        """Modules that could not be made, with what for."""
        tools = sorted(set(itertools.chain(*self.left_out[kind])))
        return f"{len(self.left_out[kind])} modules ({', '.join(tools)} not installed)"


def main():
    need("gcc", "g++", "clang", "llvm-symbolizer", "llvm-cxxfilt", "eu-addr2line", "lz4")
    if LONG:
        need(*corpus.TOOLS)
    builds, sums, only = {}, Sums(), os.environ.get("NAMES_ONLY", "")
    for m in corpus.corpus():
        if not (m.short != "only" if LONG else m.short) or only not in m.name:
            continue
        kind = "stripped" if m.stripped else m.name.split("-")[0]
        if corpus.lacks(m):
            sums.left_out[kind].append(corpus.lacks(m))
        else:
            where = corpus.make(m, builds)
            options = [o if o.startswith("-") else str(where / o) for o in m.options]
            paths = m.name, where / m.path, where / m.whole
            if m.stripped:
                sums.add(kind, m.name, compare_bounds(*paths, options))
            else:
                twin = functools.partial(corpus.make_unfolded, m, where)
                sums.add(kind, m.name,
                         compare(*paths, options, twin if "icf" in m.make[-1] else None,
                                 "gold" in m.make[-1]))
    for name, path, whole in installed() if LONG else ():
        if only in name:
            own = Elf(path).section(".debug_info")
            kind = "c" if own else "real" if whole == path else "packaged"
            sums.add(kind, name, compare(name, path, whole))
    if only in "libc-stripped" and (LONG or debug_file(Elf(REAL[0]).build_id)):
        sums.add("stripped", "libc-stripped", compare_bounds("libc-stripped", *libc_stripped()))
    shares = sums.tell()
    check(not sums.small or not LONG, "modules with too little code:", *sums.small)
    for kind, share in shares.items():
        check(share >= 0.999, kind, f"{share:.3%} are as a referee has them")
    check(not sums.bad, "addresses or demangled names otherwise, for no known reason:", *sums.bad)
    if sums.left_out:
        note("left out:", "; ".join(f"{kind}: {sums.without(kind)}" for kind in sums.left_out))


main()
