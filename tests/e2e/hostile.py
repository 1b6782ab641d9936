# SPDX-License-Identifier: Apache-2.0
"""What the tests of hostile names share: the names, plain ones in their stead, the
commands, and what every output must be like.

`<` stands as it is where the output is text for people and for tools that read a
line; in JSON, which is pasted into pages, it is escaped.
"""
import re
import unicodedata

from lib import *

LONG_NAME = b"n" * (1 << 20)
HOSTILE = [
    b"\x1b[31mred\x1b]0;title\x07\x9b31m", b"new\nline\r\ttab\x0b\x0c", b"semi;colon 42", b" 42",
    b"<script>alert(1)</script>&\"'`$(x)", b"bad\xff\xfe\xc3(\xed\xa0\x80\xf5\x80\x80\x80",
    "sep\u2028par\u2029nel\u0085".encode(), "rtl\u202e\u2066\u200f\u061c\ufeffabc".encode(),
    b"nul\0inside", b"c1\xc2\x9b31m\xc2\x90q", b"{\"a\": \"\\u0000\\\"}", b"%s%n%99999d",
    b"--output=x", b"../../../etc/passwd", b"=cmd|' /C calc'!A0", b" ", b"\x7f\x08\x08", LONG_NAME,
    "\U0001f600\U000e0001".encode(), b"\xe2\x80", b"tail\xf0\x9f",
]
PLAIN = [b"plain%d" % i for i in range(len(HOSTILE))]
MEMORY = ["prlimit", "--as=%d" % (256 << 20)]
COMMANDS = (["check"], ["dump"], ["folded"], ["folded", "--threads", "--processes", "--lines"],
            ["folded", "--metric", "inuse_space"], ["json"], ["json", "--lines"], ["report"],
            ["report", "--top", "50"], ["report", "--peek", "."])


def unsafe(c):
    return ((unicodedata.category(c) in ("Cc", "Zl", "Zp") and c not in "\n\t") or
            c in "\u061c\u200e\u200f\ufeff" or "\u202a" <= c <= "\u202e" or
            "\u2066" <= c <= "\u2069")


def harmless(what, data):
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        fail(f"{what}: no UTF-8: {e}: {data[max(0, e.start - 40):e.end + 40]}")
    bad = sorted({c for c in set(text) if unsafe(c)})
    check(not bad, what, "has", bad, text[max(0, text.find(bad[0]) - 60):][:120] if bad else "")
    check(len(data) < 16 << 20, what, "is", len(data), "bytes")
    return text


def look(words, directory):
    done = subprocess.run([*MEMORY, PROF, *words, directory], capture_output=True, timeout=60,
                          check=False)
    check(done.returncode in (0, 1), words, directory.name, "-> status", done.returncode,
          done.stderr[-500:])
    harmless(f"{words} on stderr", done.stderr)
    text = harmless(str(words), done.stdout)
    check("\t" not in text or words[0] == "json", words, "has tabs")
    check("<" not in text or words[0] != "json", words, "has a <:",
          text[max(0, text.find("<") - 60):][:120])
    lines = text.split("\n")
    if words == ["json"]:
        document = json.loads(text)
        return {k: len(v) for k, v in document.items() if isinstance(v, list)}, document
    if words[0] == "json":
        return [tuple(json.loads(line)) for line in lines[:-1]], None
    if words[0] == "folded":
        shape = []
        for line in lines[:-1]:
            m = re.fullmatch(r"(.*[^ ]) ([0-9]+)", line)
            check(m and not re.search(r" \d+$", m[1]), words, "line", line[:200])
            shape.append((m[1].count(";"), m[2]))
            check(all(f == f.strip() and f for f in m[1].split(";")), words, "line", line[:200])
        return sorted(shape), None
    # The report wraps what is long.
    return None if words[0] == "report" else len(lines), None
