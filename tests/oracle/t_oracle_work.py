#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All programs of tests/work/ under the oracle.  What they measure (CPU time in
ns, thread ids, bytes) is masked; left out are those in EXCLUDED.

limit: 150
long: 1800
"""
import fnmatch
from oracle import *

MEASURES = dict(masks="number")
NAMES_IDS = dict(masks="numbers")
FILTERED = dict(states="start its filter kills for the calls that look")
# program, its arguments, what the oracle should know (see oracle.py)
PROGRAMS = (
    ("w_mini", "3", dict(status=3)),
    ("w_fds", "", {}),
    ("w_errno", "1000", {}),
    ("w_exact", "", {}),
    ("w_sites", "1", dict(MEASURES, short="perf")),
    ("w_leak", "20000", {}),
    ("w_cancel", "", {}),
    ("w_closefds", "200", {}),
    ("w_exceptions", "2000", {}),
    ("w_first_alloc", "", {}),
    ("w_own_malloc", "", {}),
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
    ("w_pthread_exit", "", MEASURES),
    ("w_signals", "", {}),
    ("w_exits", "exit", dict(status=21)),
    ("w_exits", "_exit", dict(status=21)),
    ("w_exits", "quick_exit", dict(status=21)),
    ("w_exits", "return", dict(status=21)),
    ("w_exits", "threads", dict(status=21)),
    ("w_exits", "handler", dict(status=21)),
    ("w_exits", "many", dict(status=21, states="start eight threads end it at once")),
    ("w_exits", "abort", dict(status=-6)),
    ("w_exits", "signal", dict(status=-15)),
    ("w_exits", "kill", dict(status=-9)),
    ("w_attack_forks", "many", dict(short="no its children are slow to fork")),
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
)
EXCLUDED = {
    "w_truth_totals": "makes a thread anew where the host came in between",
    "w_api": "says whether the library is there",
    "w_signals sigprof": "counts the ticks of a timer: of t_host_signals",
    "w_attack_forks chain": "prints how much memory it took",
    "w_deny": "runs another program, denied a call: of the tests of faults",
    "w_storm_*": "what they count is left to chance: of the storms, which compare it",
    "w_attack_jump": "jumps out of a preloaded library only, and counts how often",
    "w_attack_between": "forks as often as its time allows: of t_attack_between",
    "w_memory": "of t_oracle_memory",
    "w_secrets": "needs its caller's secrets: of the tests of security",
    "w_secure": "says whether the library is there: of the tests of security",
    "w_pit_*": "of the checklist, which compares what they print; two are here, too",
    "w_fault*": "of the tests of faults, which compare what they print",
    "w_log": "logs its time until it is killed: of the kills",
}


def is_stale(pattern):
    """Excludes nothing: no program that it names, or no such word in its source."""
    name, *arguments = pattern.split()
    found = [s for s in (SRC / "tests/work").glob(name + ".c")
             if arguments or s.stem not in {p for p, _, _ in PROGRAMS}]
    return not any(all(f'"{a}"' in s.read_text() for a in arguments) for s in found)


def name_of(program, args):
    return " ".join([program, args]).strip()


names = {name_of(p, a) for p, a, _ in PROGRAMS} | {p for p, _, _ in PROGRAMS}
forgotten = [s.stem for s in (SRC / "tests/work").glob("w_*") if s.stem not in names
             and not any(fnmatch.fnmatch(s.stem, e) for e in EXCLUDED)]
check(not forgotten, "neither in PROGRAMS nor in EXCLUDED:", forgotten)
stale = [e for e in EXCLUDED if is_stale(e)]
check(not stale, "in EXCLUDED, but there is no such program:", stale)
conform(*(Workload(name_of(program, args), [W / program, *args.split()],
                   **dict({"programs": program}, **options))
          for program, args, options in PROGRAMS))
