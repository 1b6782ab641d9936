#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bash's own handling of signals: traps set, ignored, reset in subshells, seen by
# children; signals between shells; the statuses of those who die of one.
#
# programs: bash*10
# masks: pid
mkfifo tick hold never
pause() { read -r -t "$1" <>tick; } # no process is made
trap 'echo TERM in main' TERM
trap 'echo USR1 $((++usr1))' USR1
trap '' HUP
trap 'echo EXIT of main' EXIT
trap -p
kill -TERM $$
for _ in 1 2 3; do kill -USR1 $$; done
(trap -p; kill -HUP "$BASHPID"; echo "HUP is ignored"; trap 'echo EXIT of subshell' EXIT; exit 5)
echo "subshell $?"
bash -c 'trap -p; kill -HUP $$; echo still here'
for sig in TERM INT KILL SEGV USR2 PIPE ALRM PROF VTALRM; do
	bash -c "trap - $sig; kill -$sig \$\$; echo not reached"
	echo "$sig $?"
done
# A parent and a child that signal each other.
(
	trap 'usr2=1' USR2
	bash -c 'trap "end=1" TERM; until [ "$end" ]; do kill -USR2 $PPID; read -r -t 0.1 <>never; done
		exit 6' &
	child=$!
	wait "$child"
	echo "woken $? $usr2"
	trap '' USR2
	kill -TERM "$child"
	wait "$child"
	echo "child $?"
)
# wait that is interrupted by a trap, and goes on.
trap 'got=1' USR1
read -r <hold &
waited=$!
(pause 0.01; until [ -e stop ]; do kill -USR1 $$; pause 0.05; done) &
sender=$!
wait "$waited"
echo "interrupted $? $got"
: >stop
trap '' USR1
wait "$sender"
echo >hold
wait "$waited"
echo "then $?"
trap - USR1
coproc cat
coprocess=$COPROC_PID
echo through the coprocess >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
echo "$line"
eval "exec ${COPROC[1]}>&-"
wait "$coprocess"
echo "coprocess $?"
(exit 3) &
(read -r <hold; exit 4) &
wait -n
echo "first $?"
echo >hold
wait -n
echo "second $?"
ls -l /proc/self/fd | awk 'NF > 9 {print $9}' | tr '\n' ' '
echo
(cd / && umask 027 && ulimit -n 64 && ulimit -c 0 && ulimit -n && umask && pwd)
exec bash -c 'trap -p; exec bash -c "exec bash -c \"echo chain; exit 0\""'
