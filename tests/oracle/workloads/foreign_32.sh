#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A 32-bit child with a C library of its own, of a shell that is preloaded: it forks
# and executes, unprofiled; the loader's own words on it are all that is said.
#
# programs: foreign_32.sh sh
# masks: foreign
# needs: gcc /lib/ld-linux.so.2
# limit: 100
set -eu
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
	if (argc == 3 && !fork())
		execl("/bin/sh", "sh", "-c", "echo child; exit 4", (char *)NULL);
	wait(NULL);
	return argc;
}
C
gcc -m32 -o thirtytwo s.c
result=0
./thirtytwo a b || result=$?
echo "32 bits $result"
