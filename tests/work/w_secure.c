/* SPDX-License-Identifier: Apache-2.0
 *
 * w_secure.c - says whether it runs with raised rights and what of the library it
 * sees, before and after some work, and in a child:
 *
 *	secure AT_SECURE library MAPPED threads COUNT sigprof CAUGHT
 */
#include "work.h"

#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>

static int in_file(const char *path, const char *word)
{
	char line[4096];
	FILE *f = fopen(path, "r");
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, word) ? 1 + atoi(line + strlen(word)) : 0;
	if (f)
		fclose(f);
	return found;
}

static void say(void)
{
	struct sigaction prof;

	sigaction(SIGPROF, NULL, &prof);
	printf("secure %lu library %d threads %d sigprof %d\n", getauxval(AT_SECURE),
	       in_file("/proc/self/maps", "libprof.so") != 0,
	       in_file("/proc/self/status", "Threads:") - 1, prof.sa_handler != SIG_DFL);
	fflush(stdout);
}

static FRAME void works(void)
{
	for (int i = 0; i < 1000; i++)
		work_alloc(5000);
	work_burn(60 * MS);
}

int main(void)
{
	say();
	works();
	say();
	if (fork() == 0) {
		works();
		say();
		_exit(0);
	}
	wait(NULL);
	return 5;
}
