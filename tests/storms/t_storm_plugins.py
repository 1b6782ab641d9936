#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: plugins with private copies of liblzma, libunwind and liblz4 (the SONAME
known, one function more) are loaded, run, made to throw exceptions, and unloaded,
in every way of loading.  One has copies that export many of the known functions, none of which
does what it should and each of which ends the program; one has copies of the real libraries.

limit: 150
long: 900
"""
from storm import *

need("cc", "c++")
SYSTEM = pathlib.Path("/usr/lib/x86_64-linux-gnu")
WRONG = ("-DWRONG_LZMA", "-DWRONG_UNWIND", "-DWRONG_LZ4")
SOURCES = SRC / "tests/storms/private"
TOP = HOME.parent / "plugins"
# file (and SONAME), function of this copy alone, function of the known library
PRIVATE = (("liblzma.so.5", "lzma_private_extra", "lzma_version_number"),
           ("libunwind.so.8", "unwind_private_extra", "unwind_private_known"),
           ("liblz4.so.1", "lz4_private_extra", "LZ4_versionNumber"))


def build(compiler, source, out, *options):
    done = run([compiler, "-O2", "-g", "-fPIC", "-shared", *options[:-1], "-o", TOP / out,
                SOURCES / source, *options[-1]])
    check(done.status == 0, "cannot build", out, done.err.decode(errors="replace"))


def plugin(name, compiler, source, libraries):
    out = f"{name}/plugin.so"
    build(compiler, source, out, "-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags", libraries)
    return TOP / out


def private(name, *wrong):
    """The three libraries of a plugin, in a directory of its own."""
    (TOP / name).mkdir(parents=True)
    sources = [SOURCES / "wrong.c"] if wrong else []
    for soname, extra, known in PRIVATE:
        build("cc", "dependency.c", f"{name}/{soname}", f"-DEXTRA={extra}", f"-DKNOWN={known}",
              f"-Wl,-soname,{soname}", *wrong, sources)
    return [TOP / name / soname for soname, _, _ in PRIVATE]


def copies(name):
    (TOP / name).mkdir()
    for soname, _, _ in PRIVATE[:2]:
        shutil.copy(SYSTEM / soname, TOP / name)
    return [TOP / name / soname for soname, _, _ in PRIVATE[:2]]


plain = plugin("c", "cc", "plugin.c", private("c"))
throws = plugin("cxx", "c++", "plugin.cc", private("cxx"))
wrong = plugin("wrong", "cc", "plugin.c", private("wrong", *WRONG))
real = plugin("real", "cc", "known.c", copies("real"))
storm("w_storm_plugins", plain, throws, short_s=1.5,
      name="plugins with private liblzma, libunwind, liblz4")
storm("w_storm_plugins", wrong, real, short_s=1.5,
      name="plugins with liblzma, libunwind, liblz4 that do wrong, and copies of the real ones")
