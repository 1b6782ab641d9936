# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share: what the library may say, a trace that is good
whatever failed, the account of its allocations, and the reasons for what it lacks."""
from lib import *

exact, in_bytes, opened = [], [], []  # account(): to the call, as far as bytes tell, not at all

# The fewest bytes an allocation takes in a frame: kind, time, thread, block, size and stack.
ROW_BYTES = 6
# What a busy machine alone may cost, counted too.
BY_LOAD = {"cpu_ring_full", "cpu_throttled", "timer_ring_full", "heap_ring_full",
           "free_ring_full", "creation_stack", "other_records"}


def one_line(err, what):
    """At most one line on stderr, and ours: its text."""
    said = err.decode(errors="replace")
    check(not said or said.startswith("libprof: ") and said.count("\n") == 1, what, "says", said)
    return said


def without_calls(ran):
    """The output but for the number of calls, which is the clock's where time ends the work."""
    return [line for line in ran.lines if line[0] != "calls"]


def check_good(trace, what):
    """`prof check` finds nothing that is not accounted for."""
    check(b"good" in run([PROF, "check", trace]).out.splitlines()[-1], what,
          prof("check", trace, status=None))


def account(p, what, made=None, site="fault_blocks"):
    """With heap_bytes=1 every call is recorded or a counted loss: of all the hooks counted,
    and of the `made` ones that the program counted at a site (those without a stack may be
    some of them).  To the call in a trace that has its end; where writes failed, what they
    held is counted in bytes, and no more calls may be missing than fit into these.  The totals
    of one without its end (an end waits a bounded time for the writer, and may find the disk
    full) were read while calls went on, and a thread that is in no table has none.  Never is
    there more than was made."""
    here = stackless = recorded = 0
    for _, stack, row in p.rows("heap"):
        recorded += row["alloc_n"]
        here += row["alloc_n"] if site in stack else 0
        stackless += row["alloc_n"] if site not in stack and not is_whole(stack) else 0
    lost = sum(p.losses[name] for name in ALLOC_LOSSES)
    counted = sum(t["alloc_calls"] for t in p.threads) + p.process["ended_before"]["alloc_calls"]
    said = (f"{what} {recorded} recorded + {lost} lost, the hooks counted {counted}; {site}: {here} "
            f"(+ {stackless} without a stack) of {made}, state {p.process['state']}, {p.losses}")
    check(made is None or here <= made, "more than was made:", said)
    if p.process["state"] in ("open", "write_failed") or p.losses["thread_table_full"]:
        opened.append(what)
        return p
    unwritten = p.losses["write_failed"] // ROW_BYTES
    (in_bytes if unwritten else exact).append(what)
    check(0 <= counted - recorded - lost <= unwritten, "the account:", said)
    check(made is None or here + stackless + lost + unwritten >= made, "less than was made:", said)
    return p


def mostly_exact(share):
    """The exception stays one: at least this share of the traces had their end, and with it
    an account."""
    total = len(exact) + len(in_bytes) + len(opened)
    note(len(exact), "of", total, "accounts to the call,", len(in_bytes), "as far as bytes tell")
    check(len(exact) + len(in_bytes) >= share * total > 0, len(opened), "of", total,
          "traces without an account:", *opened)


def lost_names(p):
    """What was lost.  A sample that comes before its thread's stack has a page has no stack; it
    may be in a part that was not written."""
    bare = p.count(lambda stack: is_sampled(stack) and "[no stack]" in stack)
    bare = max(bare, 1) if p.losses["write_failed"] else bare
    return {name for name, n in p.losses.items() if n > (bare if name == "no_stack" else 0)}


def check_reasons(p, what, cpu, may_lose=(), errors=(), heap="program"):
    """An engine that is not the one of a run in which nothing fails is denied for a reason
    that the trace names, with one of `errors` where there are any; and nothing is lost but
    what load may cost and, counted, `may_lose`."""
    cpu = "perf" if cpu == "auto" else cpu
    for kind, found, wanted in (("cpu", p.cpu_engine, cpu), ("heap", p.heap_engine, heap)):
        why = [e for e in p.events if e["engine"] == kind and e["text"]
               and e["state"] in ("denied", "off")]
        check(found == wanted or why, what, f"{kind} engine is {found}, not {wanted}, and no reason",
              p.events)
        check(found == wanted or not errors or any(e["errno"] in errors for e in why), what,
              f"{kind} engine: none of the errors", errors, why)
    check(lost_names(p) <= {*BY_LOAD, *may_lose}, what, "lost", p.losses)
