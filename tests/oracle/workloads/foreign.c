/* SPDX-License-Identifier: Apache-2.0
 *
 * foreign.c - a program that cannot be preloaded, as foreign_children.sh and foreign_32.sh
 * compile it: says what it is; with one argument it executes another, with two it forks one.
 */
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
