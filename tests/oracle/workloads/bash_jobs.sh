#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bash with job control, here documents, process substitution, pipelines of
# statuses, read and printf on descriptors of its own, and functions that recurse.
#
# programs: bash_jobs.sh cat
# masks: pid
# states: set how often a shell looks whether its job has stopped
set -o pipefail
mkfifo never
# Job control, in a shell that keeps its notices to itself: when it sees a job's end
# is left to chance.
bash 2>notices <<'JOBS'
set -m
read -r -t 0.01 <>never # from here on bash catches the deadly signals
(while :; do read -r <>never; done) &
job=$!
kill -STOP %1
until jobs %1 | grep -q Stopped; do read -r -t 0.05 <>never; done
echo stopped
kill -CONT %1
until jobs %1 | grep -q Running; do read -r -t 0.05 <>never; done
echo continued
kill -KILL "$job"
wait "$job"
echo "killed $?"
JOBS
rm notices
cat <<DOC
here: $(echo nested "$(echo twice)") $((6 * 7))
DOC
cat <<'DOC' | tr a-z A-Z
quoted $x
DOC
cat <<<"a here string"
diff <(seq 1 20) <(seq 1 2 20) | head -n 4
printf '%s\n' a b c | (while read -r x; do echo "got $x"; done; exit 7) | cat
echo "statuses ${PIPESTATUS[*]} $?"
exec 5<>file
echo into five >&5
exec 5>&-
cat file
fib() { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 5
for i in {1..40}; do (exit "$i") & pids[i]=$!; done
sum=0
for i in {1..40}; do wait "${pids[i]}"; sum=$((sum + $?)); done
echo "sum $sum"
x=0
for ((i = 0; i < 20000; i++)); do ((x = (x * 31 + i) % 65521)); done
echo "loop $x"
mapfile -t lines < <(seq 1 1000)
echo "${#lines[@]} lines"
(ulimit -v 400000; ulimit -f 1; head -c 100000 /dev/zero >big; echo "too large $?") 2>&1 | grep -o 'too large.*'
set -- $(type -P true)
"$1" && ! false && echo truths
umask 077
: >private
mkdir -m 750 dir
ln -s private link
