/* SPDX-License-Identifier: Apache-2.0
 *
 * pingpong.c - two threads that hand a byte to and fro through pipes: each turn
 * is two context switches where they share a CPU.  Arguments: turns (100,000), 1
 * to keep both on the first CPU they may use (1), 0 to let them run where they like.
 *
 *	pingpong TURNS WALL_NS
 */
#include "../../tests/work/work.h"

#include <pthread.h>
#include <sched.h>

static int there[2], back[2];
static uint64_t turns;

static void *answer(void *arg)
{
	char byte;

	(void)arg;
	for (uint64_t i = 0; i < turns; i++)
		if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
			exit(1);
	return NULL;
}

static int stay_on_one_cpu(void)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -1;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all)) {
			CPU_SET(cpu, &one);
			break;
		}
	return pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	uint64_t start;
	char byte = 1;

	turns = work_arg(argc, argv, 1, 100000);
	if (work_arg(argc, argv, 2, 1) && stay_on_one_cpu())
		return 1;
	if (pipe(there) || pipe(back) || pthread_create(&thread, NULL, answer, NULL))
		return 1;
	start = work_clock(CLOCK_MONOTONIC);
	for (uint64_t i = 0; i < turns; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			return 1;
	printf("pingpong %llu %llu\n", (unsigned long long)turns,
	       (unsigned long long)(work_clock(CLOCK_MONOTONIC) - start));
	pthread_join(thread, NULL);
	return 0;
}
