#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The library's own memory: nothing of it can be executed but the text of its files,
nothing is both written and executed, what the loader relocated is read-only from then
on, stacks of its threads are data, and copies of the program's stacks are left out of
core files.  In a program at work, in a child it forked, after both have opened a plugin,
and when they have been at rest for longer than the library takes between writes."""
import re
import time

from lib import *

need("readelf")


class Mapping:
    def __init__(self, line):
        fields = line.split(None, 5)
        self.start, self.end = (int(x, 16) for x in fields[0].split("-"))
        self.flags, self.offset = fields[1], int(fields[2], 16)
        self.path = fields[5].strip() if len(fields) > 5 else ""

    def __repr__(self):
        return f"{self.start:x}-{self.end:x} {self.flags} {self.offset:x} {self.path}"


def watched(env, engine):
    """(maps, smaps) of a program at work."""
    proc = subprocess.Popen([W / "w_log", HOME / f"log-{time.monotonic_ns()}", "single"], cwd=HOME,
                            env=dict(os.environ, **env), stdout=subprocess.DEVNULL)
    trace = HOME / engine
    until = time.monotonic() + 20
    while env and not (segments(trace) and segments(trace)[0].stat().st_size > 100_000):
        check(time.monotonic() < until and proc.poll() is None, "no trace comes")
        time.sleep(0.01)
    time.sleep(0.1)
    maps = pathlib.Path(f"/proc/{proc.pid}/maps").read_text()
    smaps = pathlib.Path(f"/proc/{proc.pid}/smaps").read_text()
    proc.kill()
    proc.wait()
    return [Mapping(line) for line in maps.splitlines()], smaps


def maps_of(pid):
    return [Mapping(line) for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()]


def check_executed(what, maps):
    """What can be executed is text of its file, and nothing that can be written."""
    for m in maps:
        if "x" not in m.flags or m.path.startswith("[v"):
            continue
        check("w" not in m.flags, what, "written and executed:", m)
        check(m.path.startswith("/"), what, "executed, and of no file:", m)
        pages = [(a & ~4095, b + 4095 & ~4095) for a, b in text_of(m.path)]
        check(any(a <= m.offset and m.offset + m.end - m.start <= b for a, b in pages), what,
              "executed, and not its file's text:", m)
    check(any(m.path == str(LIB) for m in maps), what, "has no library")


def program_headers(path):
    """{type: (virtual address, bytes, flags)}; the last of several."""
    out = run(["readelf", "-lW", path]).out.decode()
    rows = re.findall(r"^  (\w+) +0x\w+ 0x(\w+) 0x\w+ 0x\w+ 0x(\w+) ([RWE ]+?) +0x", out, re.M)
    return {kind: (int(at, 16), int(size, 16), flags) for kind, at, size, flags in rows}


def text_of(path):
    """File offsets that the file itself wants executed."""
    out = run(["readelf", "-lW", path]).out.decode()
    rows = re.findall(r"^  LOAD +0x(\w+) 0x\w+ 0x\w+ 0x(\w+) 0x\w+ R E", out, re.M)
    return [(int(at, 16), int(at, 16) + int(size, 16)) for at, size in rows]


# as the file says it
headers = program_headers(LIB)
check("E" not in headers["GNU_STACK"][2], "GNU_STACK:", headers["GNU_STACK"])
check("GNU_RELRO" in headers, "no RELRO:", headers)
dynamic = run(["readelf", "-dW", LIB]).out.decode()
check(re.search(r"FLAGS.*\bNOW\b|BIND_NOW", dynamic), "lazy binding leaves the PLT's GOT writable")
check("TEXTREL" not in dynamic, "relocations in the text")
out = run(["readelf", "-lW", LIB]).out.decode()
check(not re.search(r"LOAD .*RWE", out), "a segment is written and executed")

bare = {m.path for m in watched({}, "")[0]}
cases = {"perf": ("perf", ()), "timer": ("timer", ())}
if os.path.exists(JEMALLOC):
    cases["jemalloc"] = "perf", (JEMALLOC,)
for name, (cpu, extra) in cases.items():
    env = preload(extra=extra, out=name, cpu=cpu, heap_bytes=1, flush_ms=10,
                  heap="jemalloc" if extra else "program")
    if extra:
        env["MALLOC_CONF"] = "prof:true,prof_active:true,lg_prof_sample:0"
    maps, smaps = watched(env, name)
    check_executed(name, maps)
    brought = {m.path for m in maps if m.path.startswith("/")} - bare
    for path in brought:
        if not path.endswith(".lz4") and b"ELF" in pathlib.Path(path).read_bytes()[:4]:
            parts = program_headers(path)
            check("E" not in parts.get("GNU_STACK", (0, 0, "RWE"))[2], path, "wants stacks executed")
    base = min(m.start for m in maps if m.path == str(LIB))
    at, size, _ = headers["GNU_RELRO"]
    first, last = base + at & ~4095, base + at + size & ~4095  # the loader rounds its end down
    check(last > first, "RELRO is less than a page:", headers["GNU_RELRO"])
    inside = [m for m in maps if m.start < last and m.end > first]
    check(inside and all("w" not in m.flags for m in inside), name, "RELRO still written:", inside)
    # the event ring: the mapping of ours that a core file leaves out, of 256 KiB and more
    undumped = [block for block in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)
                if re.search(r"^VmFlags:.* dd\b", block, re.M) and " rw-p " in block]
    sizes = [int(re.search(r"^Size: +(\d+)", b, re.M)[1]) for b in undumped]
    check(sizes and max(sizes) >= 256, name, "stack copies go into core files:", sizes)
    if cpu == "perf":
        rings = [b for b in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)
                 if "[perf_event]" in b]
        check(rings and all(re.search(r"^VmFlags:.* dd\b", b, re.M) for b in rings), name,
              "perf rings go into core files")

# the same of a forked child, of both once a plugin is there, and at rest
FORKS = r"""
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
static void *volatile to;
static void work(void)
{
	for (clock_t end = clock() + CLOCKS_PER_SEC / 5; clock() < end; free(to))
		to = malloc(100);
}
int main(int argc, char **argv)
{
	const char *who;
	work();
	who = fork() ? "parent" : "child";
	if (*who == 'c')
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++) {
		work();
		printf("%s %d %d\n", who, i, (int)getpid());
		fflush(stdout);
		if (i == 0 && !dlopen(argv[1], RTLD_NOW))
			return 9;
	}
	for (;;)
		pause();
}
"""
need("gcc")
(HOME / "forks.c").write_text(FORKS)
done = run(["gcc", "-O1", "-o", HOME / "forks", HOME / "forks.c"])
check(done.status == 0, "gcc:", done.err.decode())
for cpu in ENGINES:
    env = preload(out=f"forks-{cpu}-%p", cpu=cpu, heap_bytes=1, cpu_hz=999, flush_ms=10)
    proc = subprocess.Popen([HOME / "forks", W / "p_alpha.so"], cwd=HOME, stdout=subprocess.PIPE,
                            env=dict(os.environ, **env))
    pids = {}
    try:
        for _ in range(6):
            who, step, pid = proc.stdout.readline().decode().split()
            pids[who] = int(pid)
            maps = maps_of(pid)
            check_executed(f"{cpu}, {who}, step {step}:", maps)
            check(step == "0" or any(m.path.endswith("p_alpha.so") for m in maps), who, "plugin")
        time.sleep(1.5)
        check(set(pids) == {"parent", "child"}, pids)
        for who, pid in pids.items():
            check_executed(f"{cpu}, {who}, at rest:", maps_of(pid))
            check(segments(HOME / f"forks-{cpu}-{pid}"), cpu, "no trace of", who)
    finally:
        proc.kill()
        proc.wait()
