# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share: what the library may say, a trace that is good
whatever failed, and the account of its allocations."""
from lib import *

exact, rough = [], []  # what account() held to the call, and what it could not


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
    some of them).  To the call only in a trace that has its end and lacks no bytes and no
    thread: what a write that failed held is counted in bytes, not in calls, and the totals
    of an open one (an end waits a bounded time for the writer) were read while calls went
    on.  Never is there more than was made."""
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
    if p.process["state"] == "open" or p.losses["write_failed"] or p.losses["thread_table_full"]:
        rough.append(what)
        return p
    exact.append(what)
    check(recorded + lost == counted, "the account:", said)
    check(made is None or here + stackless + lost >= made, "less than was made:", said)
    return p


def mostly_exact(share):
    """The exception stays one: of the accounts, at least this share were exact."""
    total = len(exact) + len(rough)
    note(len(exact), "of", total, "accounts to the call")
    check(len(exact) >= share * total > 0, len(exact), "of", total, "accounts exact; not:", *rough)
