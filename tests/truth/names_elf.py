# SPDX-License-Identifier: Apache-2.0
"""An ELF file's own tables, read for t_truth_names.py: executable sections,
symbols, unwind ranges, PLT entries as the disassembler has them.
"""
import bisect
import collections
import re
import struct
import subprocess

FUNC, IFUNC, NOTYPE = 2, 10, 0


class Elf:
    """Sections, build id and symbols of a 64-bit ELF file."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        head = struct.unpack_from("<QQQIHHHHHH", self.data, 24)
        at, size, n, names = head[2], head[7], head[8], head[9]
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, at + i * size) for i in range(n)]
        self.sections = [(self.text(raw[names][4] + r[0]), *r[1:]) for r in raw]
        self.build_id = b""
        self.symbols = []  # (start, size, name, type), of code, as the tables have them
        for name, kind, flags, addr, offset, size, link, *_ in self.sections:
            if name == ".note.gnu.build-id" and kind == 7:
                self.build_id = self.data[offset + 16:offset + size]
            if kind in (2, 11):  # SYMTAB, DYNSYM
                self.read_symbols(offset, size, self.sections[link][4])
        self.symbols.sort()
        self.starts = [s[0] for s in self.symbols]
        self.longest = max([s[1] for s in self.symbols], default=0)
        self.at = collections.defaultdict(set)  # start -> names
        self.named = collections.defaultdict(set)  # name -> starts
        for start, _, name, _ in self.symbols:
            self.at[start].add(name)
            self.named[name].add(start)

    def text(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode(errors="replace")

    def read_symbols(self, offset, size, strings):
        code = self.code()
        for at in range(offset + 24, offset + size, 24):
            name, info, _, section, value, length = struct.unpack_from("<IBBHQQ", self.data, at)
            if info & 15 not in (FUNC, IFUNC, NOTYPE) or not section or not name:
                continue
            if any(a <= value < a + n for a, n, _ in code):
                plain = self.text(strings + name).partition("@")[0]
                self.symbols.append((value, length, plain, info & 15))

    def code(self):
        """(address, bytes, name) of what is executable."""
        return [(s[3], s[5], s[0]) for s in self.sections if s[2] & 4 and s[5]]

    def section(self, name):
        return next((s for s in self.sections if s[0] == name), None)

    def bytes_of(self, name):
        s = self.section(name)
        return self.data[s[4]:s[4] + s[5]] if s and s[1] != 8 else b""

    def around(self, address):
        """The symbols with a size that hold address, innermost start last."""
        low = bisect.bisect_left(self.starts, address - self.longest)
        high = bisect.bisect_right(self.starts, address)
        return [s for s in self.symbols[low:high] if s[0] <= address < s[0] + s[1]]

    def aliases(self, a, b):
        """Two names of the same place."""
        return a == b or bool(self.named.get(a, set()) & self.named.get(b, set()))

    def is_label(self, name):
        return all(size == 0 for _, size, n, _ in self.symbols if n == name)

    def fdes(self):
        """(start, end) of what .eh_frame describes, through the table in .eh_frame_hdr."""
        head, frames = self.section(".eh_frame_hdr"), self.section(".eh_frame")
        if not head or head[1] == 8:
            return []
        version, pointer, count, table = self.data[head[4]:head[4] + 4]
        assert (version, pointer & 15, count, table) == (1, 11, 3, 0x3B), "unknown .eh_frame_hdr"
        n = struct.unpack_from("<I", self.data, head[4] + 8)[0]
        found = []
        for i in range(n):
            start, fde = struct.unpack_from("<ii", self.data, head[4] + 12 + 8 * i)
            at = head[3] + fde - frames[3] + frames[4]
            length = struct.unpack_from("<I", self.data, at + 12)[0]
            found.append((head[3] + start, head[3] + start + length))
        return sorted(found)


def holder(ranges, address):
    """The range that holds address, or None."""
    i = bisect.bisect_right(ranges, (address, 1 << 64)) - 1
    return ranges[i] if i >= 0 and ranges[i][0] <= address < ranges[i][1] else None


def plt_names(path):
    """address -> name of each PLT entry, as objdump has it; an address where the entry leads to
    a function that chooses another (IFUNC)."""
    text = subprocess.run(["objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", path],
                          capture_output=True, text=True).stdout
    found = {}
    for at, name, offset in re.findall(r"^([0-9a-f]+) <([^>@+]+)(?:\+0x([0-9a-f]+))?[^>]*@plt>:$",
                                       text, re.M):
        found[int(at, 16)] = int(offset, 16) if name == "*ABS*" else name
    return found
