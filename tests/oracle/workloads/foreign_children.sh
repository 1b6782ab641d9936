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
cat >s.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	void *volatile p = malloc(1000);
	printf("%s: bits %zu args %d preload %d\n", argv[0], sizeof(long) * 8, argc,
	       getenv("LD_PRELOAD") != NULL);
	free(p);
	fflush(stdout);
	if (argc == 2)
		execl("/bin/echo", "echo", "after exec", (char *)NULL);
	if (argc == 3 && !fork())
		execl("/bin/sh", "sh", "-c", "echo child; exit 4", (char *)NULL);
	wait(NULL);
	return argc;
}
C
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
gcc -static -o static s.c && ./static && echo no
echo "static $?"
bash -c './static a; exit 3'
echo "shell $?"
./static a b
echo "forks $?"
gcc -m32 -nostdlib -static -o alone n.c
./alone
echo "32 bits $?"
