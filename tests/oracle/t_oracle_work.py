#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All programs of tests/work/ under the oracle.  What they measure (CPU time in
ns, thread ids, bytes) is masked; left out are those in EXCLUDED.

limit: 240
long: 2400
"""
import fnmatch
from oracle import *

MEASURES = dict(masks="number")
NAMES_IDS = dict(masks="numbers")
FILTERED = dict(states="start its filter kills for the calls that look",
                records="cpu its filter ends recording before it allocates")
ELSEWHERE = dict(short="no the checklist has it in the short form")
AS_EXITS = dict(short="no w_exits ends like this in the short form")
STINGY = dict(records="cpu it allocates nothing")
CUT = dict(records="cpu it is killed before its allocations are written")
# In glibc the last of several calls of exit may end the process while the first still
# runs what is to be done before.
AT_ONCE = dict(states="start eight threads end it at once",
               records="cpu eight threads end it at once")
# program, its arguments (@: of tests/work, too), what the oracle should know (see oracle.py)
PROGRAMS = (
    ("w_mini", "3", dict(STINGY, status=3)),
    ("w_fds", "", {}),
    ("w_errno", "1000", {}),
    ("w_exact", "", {}),
    ("w_heap_burst", "", {}),
    ("w_sites", "1", dict(MEASURES, short="perf")),
    ("w_leak", "20000", {}),
    ("w_cancel", "", {}),
    ("w_closefds", "200", {}),
    ("w_exceptions", "2000", {}),
    ("w_first_alloc", "", {}),
    ("w_own_malloc", "", dict(records="cpu its malloc is its own")),
    ("w_fibers", "", {}),
    ("w_jemalloc", "3000", {}),
    ("w_idle", "50", {}),
    ("w_setuid", "", {}),
    ("w_unshare", "", {}),
    ("w_shares", "40", MEASURES),
    ("w_threads", "40", NAMES_IDS),
    ("w_short_threads", "20 4", NAMES_IDS),
    ("w_thrd", "", NAMES_IDS),
    ("w_rename", "", NAMES_IDS),
    ("w_recursion", "100 20", MEASURES),
    ("w_frames40", "20", MEASURES),
    ("w_deep", "down 20", {}),
    ("w_truth_shares", "1 20", dict(masks="parts numbers")),
    ("w_truth_phases", "1 100 20 2", NAMES_IDS),
    ("w_truth_time", "3", NAMES_IDS),
    ("w_truth_heap", "4096 4 4", dict(short="perf")),
    ("w_truth_forks", "3 2000", dict(short="perf")),
    ("w_syscalls", "50", dict(masks="number ticks")),
    ("w_fork", "40", dict(NAMES_IDS, programs="w_fork*4")),
    ("w_exec", "3 20", dict(NAMES_IDS, status=3, programs="exe*4")),
    ("w_dlopen", "5 10", dict(masks="reused number")),
    ("w_pthread_exit", "", NAMES_IDS),
    ("w_signals", "", {}),
    ("w_exits", "exit", dict(status=21)),
    ("w_exits", "_exit", dict(status=21)),
    ("w_exits", "quick_exit", dict(status=21)),
    ("w_exits", "return", dict(status=21)),
    ("w_exits", "threads", dict(status=21)),
    ("w_exits", "handler", dict(status=21)),
    ("w_exits", "many", dict(AT_ONCE, status=21)),
    ("w_exits", "abort", dict(CUT, status=-6)),
    ("w_exits", "signal", dict(CUT, status=-15)),
    ("w_exits", "kill", dict(CUT, status=-9)),
    ("w_attack_forks", "many", dict(short="timer")),
    ("w_attack_forks", "clone", {}),
    ("w_attack_threads", "setuid", dict(user="root it gives up root")),
    ("w_attack_threads", "exit", {}),
    ("w_attack_threads", "stack", {}),
    ("w_attack_sandbox", "filter", FILTERED),
    ("w_attack_sandbox", "all", FILTERED),
    ("w_attack_sandbox", "fork", FILTERED),
    ("w_attack_sandbox", "probe", {}),
    ("w_attack_sandbox", "stdio strange", {}),
    ("w_attack_file", "", {}),
    ("w_wrong", "none", {}),
    ("w_family", "", {}),
    ("w_pit_heap", "matrix", {}),
    ("w_pit_stack", "jumps", {}),
    ("w_pit_calls", "fork", {}),
    ("w_pit_calls", "files", STINGY),
    ("w_pit_calls", "thrd", {}),
    ("w_pit_calls", "detached", {}),
    ("w_pit_calls", "vfork", dict(ELSEWHERE, **STINGY, programs="w_pit_calls true*50")),
    ("w_pit_calls", "refused", dict(ELSEWHERE, **STINGY)),
    ("w_pit_calls", "term", ELSEWHERE),
    ("w_pit_calls", "reopened", ELSEWHERE),
    ("w_pit_calls", "restored", ELSEWHERE),
    ("w_pit_calls", "setuid", ELSEWHERE),
    ("w_pit_calls", "namespaces", dict(ELSEWHERE, **STINGY)),
    ("w_pit_calls", "many", ELSEWHERE),
    ("w_pit_calls", "left", dict(ELSEWHERE, status=6)),
    ("w_pit_calls", "under", dict(ELSEWHERE, status=7)),
    ("w_fault", "@p_alpha.so fork", dict(status=7, programs="w_fault*2")),
    ("w_fault_calls", "", dict(status=7)),
    ("w_fault_limit", "nofile 0 50", dict(MEASURES, status=9)),
    ("w_fault_limit", "nproc 0 50", dict(MEASURES, status=9)),
    ("w_fault_limit", "memlock 0 50", dict(MEASURES, status=9)),
    ("w_fault_limit", "sigpending 0 50", dict(MEASURES, status=9)),
    ("w_fault_limit", "stack 0 50", dict(MEASURES, status=9)),
)
# What needs a file or an input: program, its arguments, a shell's script in which $0 is
# the program, what the oracle should know.
LOG = 'ulimit -c 0; "$0" log single "$1" 60; s=$?; rm log; exit $s'
SECRETS = """printf 'x%.0s' $(seq 4096) >map; printf '%040d\\n' 7 | "$0" map"""
SCRIPTS = (
    ("w_secrets", "", SECRETS, {}),
    ("w_log", "segv", LOG, dict(CUT, status=139)),
    ("w_log", "segv_handled", LOG, dict(CUT, status=21)),
    ("w_log", "bus", LOG, dict(CUT, status=135)),
    ("w_log", "abort_handled", LOG, dict(CUT, status=21)),
    ("w_log", "exec", LOG, dict(status=22, programs="w_log*2")),
    ("w_log", "exec_fails", LOG, dict(status=21)),
    ("w_log", "exec_thread", LOG, dict(AS_EXITS, status=22, programs="w_log*2")),
    ("w_log", "pthread_exit", LOG, AS_EXITS),
    ("w_log", "return", LOG, dict(AS_EXITS, status=21)),
    ("w_log", "exit", LOG, dict(AS_EXITS, status=21)),
    ("w_log", "_exit", LOG, dict(AS_EXITS, status=21)),
    ("w_log", "quick_exit", LOG, dict(AS_EXITS, status=21)),
    ("w_log", "handler", LOG, dict(AS_EXITS, status=21)),
    ("w_log", "many", LOG, dict(AS_EXITS, **AT_ONCE, status=21)),
    ("w_log", "abort", LOG, dict(CUT, **AS_EXITS, status=134)),
    ("w_log", "xcpu", LOG, dict(CUT, **AS_EXITS, status=152)),
    ("w_log", "cpu", LOG, dict(CUT, **AS_EXITS, status=137)),
)
EXCLUDED = {
    "w_truth_totals": "makes a thread anew where the host came in between",
    "w_api": "says whether the library is there",
    "w_signals sigprof": "counts the ticks of a timer: of t_host_signals",
    "w_attack_forks chain": "prints how much memory it took",
    "w_deny": "runs another program, denied a call: of the tests of faults",
    "w_storm_*": "what they count is left to chance: of the storms, which compare it",
    "w_heap_rate": "counts what its time allows: of t_truth_heap_rate",
    "w_attack_jump": "jumps out of a preloaded library only, and counts how often",
    "w_attack_between": "forks as often as its time allows: of t_attack_between",
    "w_memory": "of t_oracle_memory",
    "w_secure": "says whether the library is there: of the tests of security",
    "w_pit_calls environment": "says whether the library is there",
    "w_fault_tasks": "holds threads against a limit: of t_fault_limits",
    "w_fault_witness": "watches another program, for the tests of kills",
    "w_fault_limit as": "its limit is above what is mapped, the library with it",
    "w_fault_limit data": "likewise",
    "w_fault_limit fsize": "no state can be written down",
    "w_fault_nth": "makes calls fail that only the library makes",
    "w_fault_sandbox": "kills for calls that only the library makes",
    "w_log server": "logs its time until it is killed: of the kills",
}


def name_of(program, args):
    return " ".join([program, args]).strip()


def workload(program, args, options, script=None):
    words = [W / a[1:] if a.startswith("@") else a for a in args.split()]
    command = ["/bin/sh", "-c", script, W / program] if script else [W / program]
    return Workload(name_of(program, args.replace("@", "")), command + words,
                    **dict({"programs": program}, **options))


def is_stale(pattern):
    """Excludes nothing: no program that it names, or no such word in its source."""
    name, *arguments = pattern.split()
    found = [s for s in (SRC / "tests/work").glob(name + ".c")
             if arguments or s.stem not in programs]
    return not any(all(f'"{a}"' in s.read_text() for a in arguments) for s in found)


programs = {p for p, *_ in PROGRAMS + SCRIPTS}
forgotten = [s.stem for s in (SRC / "tests/work").glob("w_*") if s.stem not in programs
             and not any(fnmatch.fnmatch(s.stem, e) for e in EXCLUDED)]
check(not forgotten, "neither in PROGRAMS nor in EXCLUDED:", forgotten)
stale = [e for e in EXCLUDED if is_stale(e)]
check(not stale, "in EXCLUDED, but there is no such program:", stale)
conform(*(workload(*p) for p in PROGRAMS),
        *(workload(p, args, options, script) for p, args, script, options in SCRIPTS))
