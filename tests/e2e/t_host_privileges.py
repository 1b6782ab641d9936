#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Changes of user and group in a profiled process: setpriv, which keeps
capabilities over setresuid as daemons do, runs the same, and so does what it
starts; a set-uid program is left alone by the loader."""
from lib import *

if not ROOT:
    skip("needs root")
nobody = users()[1]
nobody.home.chmod(0o777)  # root without capabilities writes here too
for engine in ENGINES:
    env = preload(nobody, out=nobody.home / f"{engine}-%e", cpu=engine)
    for options in (NOBODY[1:], ["--reuid=nobody", "--clear-groups"],
                    ["--no-new-privs", "--bounding-set=-all"],
                    ["--reuid=65534", "--regid=65534", "--init-groups", "--inh-caps=+net_raw",
                     "--ambient-caps=+net_raw"]):
        command = ["setpriv", *options, nobody.file(W / "w_setuid"
                                                    if "--no-new-privs" in options
                                                    else W / "w_threads"), "10"]
        names = lambda r: (r.status, r.err, [row[1:2] for row in r.rows("thread")], r.rows("ids"))
        bare, ran = run(command), run(command, env=env)
        check(names(ran) == names(bare), engine, options, "profiled", names(ran), "bare",
              names(bare))
    check(Profile(nobody.home / f"{engine}-setpriv").process["state"] in ("exec", "exit"),
          "trace of setpriv itself")
own = nobody.home / "own"
shutil.copy(W / "w_mini", own)
own.chmod(0o4755)
ran = run([own, 3], nobody, preload(nobody, out=nobody.home / "never"))
check(ran.status == 3 and not (nobody.home / "never").exists(), "a set-uid program:", ran.status,
      ran.err)
