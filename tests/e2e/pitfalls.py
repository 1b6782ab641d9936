# SPDX-License-Identifier: Apache-2.0
"""The checklist's harness: a case is a function marked @item("17"), named for
the line of tests/PITFALLS.md that it answers.  What a case checks of the
program comes first; records() then says that the rest is about the trace,
shape() that it is about the library's file.

A script of cases ends with main(): it runs them all, or those its arguments
name.  With CASES_TO=FILE each case runs by itself, whatever became of the
others, and how it went is a JSON object a line of that file: so tests/naive/run
sees on which cases a careless library fails, and whether it was the program
that it spoilt.
"""
import re
import signal
import tempfile
import time

from lib import *

CASES = []
CASE_S = 15  # a case by itself; alone it takes one or two


def item(*names):
    def mark(case):
        CASES.append((names, case))
        return case
    return mark


class Without(Exception):
    """This machine has no way to try the case."""


def without(reason):
    raise Without(reason)


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        without("not installed: " + " ".join(missing))


def records():
    note("[records]")


def shape():
    note("[shape]")


def both(command, what, user=None, env=None, before=(), cwd=None, **values):
    """A program bare and preloaded, which must be the same; Ran of the second.
    before: words before it, unprofiled, like prlimit and its options."""
    before = list(map(str, before))
    bare = run(before + words(command, env=env or {}), user, cwd=cwd)
    mine = dict(preload(user, **dict(dict(out="trace-%p"), **values)), **(env or {}))
    ran = run(before + words(command, env=mine), user, cwd=cwd)
    same(bare, ran, what)
    return ran


def one(out="trace-*"):
    """Profile of the one trace there is by that name."""
    found = [t for t in HOME.glob(out) if segments(t)]
    check(len(found) == 1, "traces", found)
    prof("check", found[0])
    return Profile(found[0])


def compile_c(out, source, *flags, compiler="gcc"):
    """Builds C text into out in the case's directory."""
    text = HOME / (pathlib.Path(out).name + ".c")
    text.write_text(source)
    (HOME / out).parent.mkdir(exist_ok=True)
    done = run([compiler, "-g", "-o", HOME / out, text, *flags], cwd=HOME)
    check(done.status == 0, compiler, done.err.decode())
    return HOME / out


def clean():
    for path in HOME.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def alone(case):
    """Runs a case in a process group of its own; ("passed" or what failed, its output)."""
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            signal.alarm(CASE_S)
            status = 1
            try:
                case()
                status = 0
            except Without as e:
                print(e)
                status = 77
            except BaseException as e:  # check() exits, and anything else is a failure, too
                print(repr(e)[:500])
            sys.stdout.flush()
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        said.seek(0)
        text = said.read().decode(errors="replace")
    if status == -signal.SIGALRM:
        text += f"\nhung: killed after {CASE_S} s\n"
    if status in (0, 77):
        return ("passed" if status == 0 else "skipped"), text
    if "[shape]" in text:
        return "shape", text
    return ("records" if "[records]" in text else "program"), text


def main():
    wanted = sys.argv[1:]
    skipped = []
    for names, case in CASES:
        if wanted and not set(wanted) & set(names):
            continue
        clean()
        if "CASES_TO" in os.environ:
            how, text = alone(case)
            with open(os.environ["CASES_TO"], "a") as f:
                f.write(json.dumps({"items": names, "case": case.__name__, "how": how,
                                    "why": text[-2000:]}) + "\n")
            continue
        note(f"[{' '.join(names)}: {case.__name__}]")
        began = time.monotonic()
        try:
            case()
        except Without as reason:
            skipped.append(f"{'/'.join(names)} {reason}")
        note(f"    {time.monotonic() - began:.1f} s")
    if skipped:
        skip("all passed but what this machine has not: " + "; ".join(skipped))
