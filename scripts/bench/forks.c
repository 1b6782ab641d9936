/* SPDX-License-Identifier: Apache-2.0
 *
 * forks.c - forks and executes /bin/true again and again, with an empty
 * environment: what is executed is not profiled, only the forking program is.
 * Argument: how many times (300).
 *
 *	forks N WALL_NS
 */
#include <sys/wait.h>

#include "../../tests/work/work.h"

static int run_true(void)
{
	char *argv[] = { "true", NULL }, *env[] = { NULL };
	pid_t child = fork();
	int status;

	if (child == 0) {
		execve("/bin/true", argv, env);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

int main(int argc, char **argv)
{
	uint64_t times = work_arg(argc, argv, 1, 300), start = work_clock(CLOCK_MONOTONIC);

	for (uint64_t i = 0; i < times; i++) {
		if (run_true() != 0)
			return 1;
	}
	printf("forks %llu %llu\n", (unsigned long long)times,
	       (unsigned long long)(work_clock(CLOCK_MONOTONIC) - start));
	return 0;
}
