#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Storm: plugins with private copies of liblzma, libunwind and liblz4 (the SONAME
known, one function more) are loaded, run, made to throw exceptions, and unloaded,
in every way of loading.

limit: 150
long: 900
"""
from storm import *

need("cc", "c++")
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


TOP.mkdir()
for soname, extra, known in PRIVATE:
    build("cc", "dependency.c", soname, f"-DEXTRA={extra}", f"-DKNOWN={known}",
          f"-Wl,-soname,{soname}", [])
private = [TOP / soname for soname, _, _ in PRIVATE]
for compiler, source, out in (("cc", "plugin.c", "c.so"), ("c++", "plugin.cc", "cxx.so")):
    build(compiler, source, out, "-Wl,-rpath,$ORIGIN", "-Wl,--enable-new-dtags", private)
storm("w_storm_plugins", TOP / "c.so", TOP / "cxx.so", short_s=1.5,
      name="plugins with private liblzma, libunwind, liblz4")
