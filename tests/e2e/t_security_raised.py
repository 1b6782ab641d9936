#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program that runs with raised rights (set-uid, set-gid, file capabilities) is
never profiled: the loader drops LD_PRELOAD, and where the machine's ld.so.preload
brings the library all the same it does nothing: no file, no thread, no word, no
look at its settings.  (The file is a copy's, in a mount namespace of its own.)"""
from lib import *

if not ROOT:
    skip("needs root, to raise rights")
need("setcap", "unshare", "setpriv")
nobody = User("nobody")
lib, plain = nobody.file(LIB), nobody.file(W / "w_secure")
raised = {"setuid": 0o4755, "setgid": 0o2755, "capability": 0o755}
for name, mode in raised.items():
    copy = nobody.home / f"w_secure_{name}"
    shutil.copy(plain, copy)
    copy.chmod(mode)
ran = run(["setcap", "cap_net_raw+ep", nobody.home / "w_secure_capability"])
if ran.status:
    note("no file capabilities here:", ran.err)
    del raised["capability"]
line = "secure {} library {} threads {} sigprof 0"
if run([nobody.home / "w_secure_setuid"], nobody).lines[0][1] != "1":
    skip("set-uid programs are not raised here (mounted nosuid?)")

inert = [line.format(1, 0, 1).split()] * 3
for name in raised:
    for values in (dict(heap_bytes=1, verbose=2), dict(cpu_hz="nonsense")):
        env = preload(nobody, out=nobody.home / "never-%p", **values)
        ran = run([nobody.home / f"w_secure_{name}"], nobody, env)
        check(ran.status == 5 and ran.lines == inert, name, "LD_PRELOAD:", ran.status, ran.lines)
        # the loader may say that it drops the library; we may not
        check(b"libprof: " not in ran.err, name, ran.err)

etc = HOME / "etc"
if run(["cp", "-a", "/etc", etc]).status:
    skip("/etc cannot be copied; the rest passed")
(etc / "ld.so.preload").write_text(lib + "\n")


def under_preload(program, values):
    """As nobody, where ld.so.preload names the library."""
    setting = [f"{k}={v}" for k, v in settings(**values).items()]
    return run(["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh",
                etc, *NOBODY, "env", *setting, program], cwd=nobody.home,
               env={"LIBPROF_PROGRAMS": "w_secure*"})


before = (pathlib.Path("/etc/ld.so.preload").exists(), os.listdir("/etc"))
for engine in ENGINES:
    for name in raised:
        for values in (dict(heap_bytes=1, verbose=2), dict(cpu_hz="nonsense")):
            ran = under_preload(nobody.home / f"w_secure_{name}",
                                dict(out=nobody.home / "never-%p", programs="*", cpu=engine, **values))
            want = [line.format(1, 1, 1).split()] * 3
            check(ran.status == 5 and ran.lines == want, name, engine, "ld.so.preload:", ran.status,
                  ran.lines, ran.err)
            check(ran.err == b"", name, engine, "said", ran.err)
    # the same program without raised rights is profiled there
    ran = under_preload(plain, dict(out=nobody.home / f"{engine}-%p", programs="w_secure",
                                    cpu=engine, heap_bytes=1))
    check(ran.status == 5 and ran.lines[0][3] == "1", "plain:", ran.status, ran.lines, ran.err)
    check(len(list(nobody.home.glob(f"{engine}-*"))) == 2, "plain, and its child: not profiled",
          ran.err)
check(before == (pathlib.Path("/etc/ld.so.preload").exists(), os.listdir("/etc")),
      "the machine's own /etc was touched")
check(not list(nobody.home.glob("never-*")), "a raised program was profiled")
