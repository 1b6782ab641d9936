# SPDX-License-Identifier: Apache-2.0
"""The compiled modules of t_truth_names.py: how each is made.

The referees read `whole`, built the plain way; prof reads `path`, with the same
code and its symbols where the variant puts them.  What neither gcc nor clang
can be asked for is made of `whole` afterwards.
"""
import collections
import pathlib
import shutil
import subprocess

from lib import SRC, check

NAMES = SRC / "tests/truth/names"
TOOLS = "rustc", "ld.lld", "ld.gold", "dwz"  # of packages that only the long form has
WORK = SRC / "tests/work/names"
C = f"{NAMES}/engine.c {NAMES}/parse.c {NAMES}/many.c {NAMES}/hand.S"
CXX = f"{NAMES}/library.cc {NAMES}/second.cc"
LABELS = f"-shared -nostdlib {WORK}/labels.S {NAMES}/hand.S"

# stripped: names are bounds only; short: in the short form, "only": in no other, being too
# small for as many addresses as the long form has; make: shell commands that end in whole and path.
Module = collections.namedtuple("Module", "name make whole path options stripped short")


def module(name, make, whole="whole", path=None, options=(), stripped=False, short=False):
    return Module(name, make, whole, path or whole, options, stripped, short)


def built(name, command, **kw):
    return module(name, [f"{command} -o whole"], **kw)


def derived(kind, base):
    """Variants of one build, by what is done with its debug information."""
    whole = f"{base} -o whole"
    debug = "objcopy --only-keep-debug whole whole.debug && strip -o prog whole"
    by_id = ("id=$(readelf -n whole | sed -n 's/.*Build ID: //p') && "
             "d=debug/.build-id/$(echo $id | cut -c1-2) && mkdir -p $d && "
             "mv whole.debug $d/$(echo $id | cut -c3-).debug")
    yield module(kind + "-stripped", [whole, "strip -o prog whole"], path="prog",
                 stripped=True, short=kind == "c")
    yield module(kind + "-debuglink", [whole, debug,
                                       "objcopy --add-gnu-debuglink=whole.debug prog"],
                 path="prog", short=kind == "c")
    yield module(kind + "-build-id", [whole, debug, by_id], path="prog",
                 options=("--debug-dir", "debug"), short=kind == "c")
    yield module(kind + "-zlib", [whole, "objcopy --compress-debug-sections=zlib whole prog"],
                 path="prog", short=kind == "c")
    yield module(kind + "-zlib-gnu",
                 [whole, "objcopy --compress-debug-sections=zlib-gnu whole prog"], path="prog")
    yield module(kind + "-partial-units", [whole, "dwz whole -o prog"], path="prog")
    yield module(kind + "-altlink", [whole, "cp whole prog && cp whole other && "
                                     "dwz -m common.debug prog other"], path="prog",
                 short=kind == "c")


def corpus():
    """Every module; those of the short form are small and quick to build."""
    for option in ("-O0", "-Og", "-O1", "-O2", "-O3", "-Os", "-O2 -gdwarf-4", "-O2 -flto",
                   "-O2 -fno-pie -no-pie", "-O2 -ffunction-sections -fuse-ld=gold"):
        name = "c-gcc" + option.replace(" ", "").replace("=", "-")
        yield built(name, f"gcc -g {option} {C}", short=option in ("-O0", "-O2", "-O2 -flto"))
    for option in ("-O0", "-O2", "-O3", "-O2 -gdwarf-4", "-O2 -flto -fuse-ld=lld"):
        name = "c-clang" + option.replace(" ", "").replace("=", "-")
        yield built(name, f"clang -g {option} {C}", short=option == "-O2")
    yield from derived("c", f"gcc -g -O2 {C}")
    yield module("c-split", [f"gcc -g -O2 {C} -o whole", f"gcc -g -O2 -gsplit-dwarf {C} -o prog"],
                 path="prog", short=True)
    yield module("c-split-dwarf4", [f"gcc -g -O2 -gdwarf-4 {C} -o whole",
                                    f"gcc -g -O2 -gdwarf-4 -gsplit-dwarf {C} -o prog"],
                 path="prog")
    # Directories as a distribution has them: relative, of the source's root.
    yield module("c-mapped", [f"mkdir src obj && cp {NAMES}/*.[chS] src && cd obj && gcc -g -O2 "
                              "-ffile-prefix-map=$(dirname $PWD)=. ../src/*.[cS] -o ../whole"],
                 short=True)
    yield module("assembly", [f"gcc {LABELS} -o whole"], short=True)
    yield module("assembly-lines", [f"gcc -g {LABELS} -o whole"])
    for compiler in ("g++", "clang++"):
        folded = f"{compiler} -std=c++17 -g -O2 -ffunction-sections -Wl,--icf=all {NAMES}/fold.cc"
        yield built("fold-lld-" + compiler, folded + " -fuse-ld=lld", short=compiler == "g++")
        yield built("fold-gold-" + compiler, folded + " -fuse-ld=gold", short=compiler == "clang++")
    yield from library()
    yield from rust()


def library():
    gcc = "g++ -std=c++17 -g"
    yield built("c++-small", f"{gcc} -O2 {WORK}/shapes.cc", short="only")
    yield module("c++-split-small", [f"{gcc} -O2 {WORK}/shapes.cc -o whole",
                                     f"{gcc} -O2 -gsplit-dwarf {WORK}/shapes.cc -o prog"],
                 path="prog", short="only")
    for option in ("-O0", "-O2", "-O3", "-O2 -gdwarf-4", "-O2 -flto",
                   "-O2 -ffunction-sections -fuse-ld=gold -Wl,--icf=all"):
        name = "c++-gcc" + option.replace(" ", "").replace("=", "-")
        yield built(name, f"{gcc} {option} {CXX}")
    for option in ("-O0", "-O2", "-O2 -gdwarf-4", "-O2 -flto -fuse-ld=lld",
                   "-O2 -ffunction-sections -fuse-ld=lld -Wl,--icf=all"):
        name = "c++-clang" + option.replace(" ", "").replace("=", "-")
        yield built(name, f"clang++ -std=c++17 -g {option} {CXX}")
    yield from derived("c++", f"{gcc} -O2 {CXX}")
    for name, compiler in (("gcc", gcc), ("clang", "clang++ -std=c++17 -g")):
        yield module("c++-split-" + name,
                     [f"{compiler} -O2 {CXX} -o whole",
                      f"{compiler} -O2 -gsplit-dwarf {CXX} -o prog"], path="prog")


def rust():
    for mangling, option in (("legacy", ""), ("v0", " -C symbol-mangling-version=v0")):
        base = f"rustc -g{option} {NAMES}/shapes.rs"
        yield built(f"rust-{mangling}-O0", base, short=mangling == "v0")
        yield built(f"rust-{mangling}-O3", f"{base} -C opt-level=3")
        yield built(f"rust-{mangling}-lto", f"{base} -C opt-level=2 -C lto=fat")
    base += " -C opt-level=2"
    yield from derived("rust", base)


def lacks(m):
    """The tools of TOOLS that it needs and that are not installed."""
    text = " ".join(m.make).replace("-fuse-ld=", "ld.")
    return [tool for tool in TOOLS if tool + " " in text and not shutil.which(tool)]


def make(m, builds):
    """Builds m in a directory of its own; builds: command -> file, of what was built."""
    where = pathlib.Path(m.name).absolute()
    where.mkdir()
    if "split" in m.name:
        builds = {}  # both have the directory in them
    for command in m.make:
        plain = command.removesuffix(" -o whole")
        if plain != command and plain in builds:
            shutil.copy2(builds[plain], where / "whole")
            continue
        done = subprocess.run(command, shell=True, cwd=where, capture_output=True, text=True)
        check(done.returncode == 0, m.name + ":", command, "\n" + done.stderr[-3000:])
        if plain != command:
            builds[plain] = where / "whole"
    return where


def make_unfolded(m, where):
    """The program of m linked with its functions apart."""
    command = m.make[-1].replace(" -Wl,--icf=all", "").replace("-o whole", "-o unfolded")
    subprocess.run(command, shell=True, cwd=where, check=True)
    return where / "unfolded"
