# SPDX-License-Identifier: Apache-2.0
"""What the oracle wants of the traces that a run leaves."""
import collections
import re

from lib import *


def program_of(trace):
    return re.sub(r"-\d+(\.\d+)?$", "", trace.name)


def holds(trace, cpu, heap):
    """(whether the trace is by this CPU engine and has allocations, where they are
    wanted; what it says)."""
    raw = json.loads(prof("json", trace, status=None) or "{}")
    engines, rows = raw.get("engines", {}), len(raw.get("heap", ()))
    got = engines.get("cpu", {}).get("name")
    said = f"{trace.name}: CPU engine {got}, {rows} stacks of allocations: {engines}"
    return (cpu is None or got == cpu) and (rows > 0 or not heap), said


def record_faults(workload, setting, found):
    """(kind, text) when no trace of the first program named holds what was asked for."""
    how = workload.get("records", "all").split()
    check(how == ["all"] or how[0] in ("no", "heap", "cpu") and how[1:], workload.name,
          "records:", how)
    names = workload.get("programs").split()
    # an allocator in front of the library hides the heap from it
    heap = setting.get("heap_bytes") == 1 and how[0] != "cpu" and not workload.get("first")
    cpu = setting["cpu"] if how[0] != "heap" else None
    if not names or how[0] == "no":
        return
    said = []
    for trace in (t for t in found if program_of(t) == names[0].partition("*")[0]):
        good, text = holds(trace, cpu, heap)
        if good:
            return
        said.append(text)
    wanted = f"wanted {cpu or 'any engine'}" + (", allocations" if heap else "")
    yield "records", "\n".join([wanted, *said[:3]])


def trace_faults(workload, setting, directory):
    """(kind, text) for programs without traces, for traces that are not sound and for
    those that are empty."""
    found = traces(directory)
    seen = collections.Counter(map(program_of, found))
    missing = []
    for name in workload.get("programs").split():
        name, _, least = name.partition("*")
        if seen[name] < int(least or 1):
            missing.append(f"{seen[name]} traces of {name}; there are {dict(seen)}")
    yield from (("trace", text) for text in missing)
    done = run([PROF, "check", directory], timeout=600) if found else None
    if done and done.status:
        yield "check", f"status {done.status}: {(done.err + done.out).decode()[-1500:]}"
    elif not missing:
        yield from record_faults(workload, setting, found)
