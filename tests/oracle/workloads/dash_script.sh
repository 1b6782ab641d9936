#!/bin/dash
# SPDX-License-Identifier: Apache-2.0
#
# dash, which leaves by _exit and makes its children by vfork where it can: traps,
# subshells, pipelines, here documents, a chain of exec.
#
# programs: dash_script.sh dash*5
# needs: dash
trap 'echo leaving' EXIT
trap 'echo caught' USR1
kill -USR1 $$
(trap - EXIT; exit 4)
echo "subshell $?"
seq 1 500 | while read -r n; do [ $((n % 100)) = 0 ] && echo "$n"; done
cat <<DOC
$(for i in 1 2 3; do echo "line $i"; done)
DOC
i=0
while [ $i -lt 100 ]; do
	i=$((i + 1))
	/bin/true || echo no
done
echo "$i children"
dash -c 'kill -9 $$' 2>/dev/null
echo "killed $?"
(sleep 0.01; exit 9) &
wait $!
echo "background $?"
set -- a b c
for x; do echo "$x" >>file; done
sort -r file >sorted
dash -c 'exec dash -c "exec dash -c \"trap; umask; ulimit -n; echo end of chain\""'
dash -c 'trap "" PROF USR2; dash -c "kill -PROF \$\$; kill -USR2 \$\$; echo both ignored"'
exec 3>log
echo logged >&3
exec 3>&-
