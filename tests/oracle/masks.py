# SPDX-License-Identifier: Apache-2.0
"""What the oracle does not compare, by name: what two runs of one program need not
have in common."""
import re

# Name, pattern, what stands in its place, why.  A workload names those that it needs.
MASKS = {name: (re.compile(pattern, re.M), by, why) for name, pattern, by, why in (
    ("inode", r"\b(pipe|socket|anon_inode|net|mnt|user|pid|ipc|uts):\[\d+\]", r"\1:[N]",
     "the kernel numbers pipes and sockets in turn (always masked)"),
    ("proc", r"/proc/\d+/", "/proc/N/", "a pid in a path (always masked)"),
    ("pid", r" *(?<![\w.])\d{3,7}(?![\w.])", " PID", "process ids, a number by itself"),
    ("port", r"(127\.0\.0\.1|localhost|\[::1\])[: ]\d+", r"\1:PORT", "a port that was free"),
    ("time", r"\d+[.,]\d+ ?(?=s\b|ms\b|sec|real|user|sys)|\d\d:\d\d:\d\d(\.\d+)?", "TIME",
     "how long something took, and when"),
    ("address", r"0x[0-9a-f]{6,}", "ADDRESS", "address space randomisation"),
    ("number", r"(?<=\s)\d{4,}$|(?<=\s)\d{4,}(?=\s)", "NUMBER",
     "what the programs of tests/work measured: CPU time in ns, thread ids"),
    ("numbers", r"(?<=\s)\d{3,}(?=\s|$)", "NUMBER",
     "the same with ids of three digits, which come again when they wrap"),
    ("parts", r"^(part \S+ \S+) (\d+|NUMBER) (\d+|NUMBER)$", r"\1 NUMBER NUMBER",
     "CPU time of parts so short that a busy machine may leave one out"),
    ("ticks", r"^cpu (\d+|NUMBER) (\d+|NUMBER) (\d+|NUMBER)$", "cpu NUMBER NUMBER NUMBER",
     "user and system time by the kernel's ticks, of which either may have got none"),
    ("reused", r"(?<=^reused )\d+", "TIMES",
     "how often a library comes to lie where one lay before: what else is mapped meanwhile"),
    ("shm", r"/dev/shm/pym-\d+-\w+", "/dev/shm/pym-PID-NAME", "python's heap for processes"),
    ("git", r"(?<=tmp_objdir-)incoming-\w+", "incoming-NAME", "git's directory for a push"),
    ("postgres", r"(?<=^env PG_GRANDPARENT_PID=)\d+$", "PID", "pg_ctl tells the server who asked"),
    ("make", r"GMfifo\d+", "GMfifoPID", "make's jobserver is named by its pid"),
    ("temporary", r"(?<=/)cc\w{6}\b", "ccXXXXXX", "the compiler's temporary names"),
    ("foreign", r"^ERROR: ld\.so: object '[^']*' from LD_PRELOAD cannot be preloaded"
     r" \(wrong ELF class: ELFCLASS64\): ignored\.\n", "",
     "the loader says so of every 64-bit library to a 32-bit program"),
    ("data", r"^fd \d+ flags \d mode \d+ /\S+/data/\S+\n", "",
     "a database's files, opened as its queries need them and in any order"),
    ("loops", r"^fd (?:[3-9]|\d\d+) flags 1 mode \d+ (?:pipe:\[N\]|socket:\[N\]|"
     r"anon_inode:\[(?:eventfd|eventpoll)\])\n", "",
     "pipes, sockets and events of node's threads, closed on exec, as many as run; what is"
     " inherited, files and events of other kinds are compared"),
    ("places", r"(?<=^fd )(?:[3-9]|\d\d+)(?= )", "N", "which numbers those leave to others"),
    ("stdin", r"^fd 0 .*\n", "", "make lends its standard input to one of its jobs at a time"),
    ("sockets", r"^fd \d+ flags \d mode \d+ socket:\[N\]\n", "",
     "connections open at an end, and their order, are left to time"),
    ("ended", r"^pending( 17| 23)+$", "pending",
     "SIGCHLD or SIGURG of another process waits, or not yet"),
    ("sigprof", r"^kernel sigprof .*\n", "",
     "the timer engine borrows SIGPROF in the kernel; masked under that engine only"),
)}
ALWAYS = ("inode", "proc")


def mask(text, names):
    for name in names:
        pattern, by, _ = MASKS[name]
        text = pattern.sub(by, text)
    return text
