#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Children that cannot be preloaded, of a shell that is: a static program, and a
# 32-bit one without a C library (foreign_32 has one with it, foreign_go one in Go).
# They run, unprofiled, and nothing of ours is said.
#
# programs: foreign_children.sh bash
# masks: foreign
# needs: gcc
# limit: 200
cat >n.c <<'C'
static int call(int nr, int a, const char *b, int c)
{
	int r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}
void _start(void)
{
	call(4, 1, "32 bits alone\n", 14);
	call(1, 7, 0, 0);
}
C
gcc -static -o static "$ORACLE_SRC/tests/oracle/workloads/foreign.c" && ./static && echo no
echo "static $?"
bash -c './static a; exit 3'
echo "shell $?"
./static a b
echo "forks $?"
gcc -m32 -nostdlib -static -o alone n.c
./alone
echo "32 bits $?"
