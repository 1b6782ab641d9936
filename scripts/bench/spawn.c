/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn.c - creates a thread that does nothing and joins it, again and again.
 * Argument: how many (20,000).
 *
 *	spawn N WALL_NS CPU_NS
 */
#include <pthread.h>

#include "../../tests/work/work.h"

static void *nothing(void *arg)
{
	return arg;
}

int main(int argc, char **argv)
{
	uint64_t times = work_arg(argc, argv, 1, 20000), start = work_clock(CLOCK_MONOTONIC);
	uint64_t cpu = work_clock(CLOCK_PROCESS_CPUTIME_ID);

	for (uint64_t i = 0; i < times; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
			return 1;
	}
	printf("spawn %llu %llu %llu\n", (unsigned long long)times,
	       (unsigned long long)(work_clock(CLOCK_MONOTONIC) - start),
	       (unsigned long long)(work_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu));
	return 0;
}
