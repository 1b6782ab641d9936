# SPDX-License-Identifier: Apache-2.0
"""Demangled names, for t_truth_names.py: prof's against those of llvm-cxxfilt or of the C++
runtime's __cxa_demangle, which eu-addr2line -C calls; Rust's older mangling against its rules.

What is made equal: spaces; `{lambda(A)#2}` is LLVM's `'lambda0'(A)`; `[clone .x]` is its
`(.x)`; Rust's `::h0123456789abcdef`, `.llvm.123` and `.123` are no part of a name.
"""
import ctypes
import re
import subprocess

ESCAPES = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}
LAMBDA = re.compile(r"\{(lambda|unnamed type)(?=[(#])")


def lambdas(text):
    """`{lambda(A)#1}` as LLVM writes it: `'lambda'(A)`, numbered from the second, 0."""
    out, at = "", 0
    for found in LAMBDA.finditer(text):
        if found.start() < at:
            continue
        depth, end = 1, found.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        inner, _, number = text[found.end():end - 1].rpartition("#")
        if not number.isdigit():
            return text
        number = "" if number == "1" else str(int(number) - 2)
        kind = found[1].replace("unnamed type", "unnamed")
        out += f"{text[at:found.start()]}'{kind}{number}'{lambdas(inner)}"
        at = end
    return out + text[at:]


def plain(text):
    text = re.sub(r" \((\.[\w.]+)\)", r" [clone \1]", text)
    return re.sub(r"(\[clone[^\]]*\])\[clone(?=\.)", r"\1[clone", lambdas(text).replace(" ", ""))


def rust_legacy(name):
    """The path of `_ZN4core3fmt17h0123456789abcdefE`, by the rules of that mangling; None:
    another one."""
    found = re.fullmatch(r"_ZN(.*)17h[0-9a-f]{16}E((\.llvm)?\.\d+)?", name)
    parts, rest = [], found[1] if found else ""
    while rest:
        length = re.match(r"\d+", rest)[0]
        rest = rest[len(length):]
        part, rest = rest[:int(length)], rest[int(length):]
        part = part.removeprefix("_") if part.startswith("_$") else part
        part = re.sub(r"\$(?:u([0-9a-f]+)|(SP|BP|RF|LT|GT|LP|RP|C))\$",
                      lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], part)
        parts.append(part.replace("..", "::"))
    return "::".join(parts) or None


def filtered(names):
    done = subprocess.run(["llvm-cxxfilt"], input="\n".join(names) + "\n", capture_output=True,
                          text=True, check=True)
    return dict(zip(names, done.stdout.splitlines()))


def of_runtime():
    """A function: the text of a linkage name, None where it has none."""
    runtime, libc, status = ctypes.CDLL("libstdc++.so.6"), ctypes.CDLL(None), ctypes.c_int()
    demangle = runtime.__cxa_demangle
    demangle.restype = ctypes.c_void_p
    demangle.argtypes = [ctypes.c_char_p] + [ctypes.c_void_p] * 3
    libc.free.argtypes = [ctypes.c_void_p]

    def ask(name):
        found = demangle(name.encode(), None, None, ctypes.byref(status))
        text = ctypes.string_at(found).decode() if found else None
        libc.free(found)
        return text

    return ask


def compare(path, answers, note):
    """(names, otherwise) over all distinct linkage names in answers."""
    seen = {f.name: f.text for frames in answers.values() for f in frames
            if f.name and f.name.startswith(("_Z", "_R", "__Z"))}
    llvm, runtime, wrong = filtered(sorted(seen)) if seen else {}, of_runtime(), 0
    for name, text in seen.items():
        rust = rust_legacy(name)
        if name.startswith("_R"):
            good = plain(text) == plain(re.sub(r" \([.\w]+\)$", "", llvm[name]))
        elif rust:
            good = text == rust
        else:
            good = plain(text) in (plain(llvm[name]), plain(runtime(name) or "?"))
        if not good:
            note("text", path, name, "\n  prof", text, "\n  llvm", llvm[name])
            wrong += 1
    return len(seen), wrong
