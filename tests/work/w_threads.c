/* SPDX-License-Identifier: Apache-2.0
 *
 * w_threads.c - four named threads with known CPU times, created by a
 * function with a name.  Argument: milliseconds of the longest (400).
 *
 *	thread TID NAME CPU_NS       (the main thread's line comes last)
 */
#include "work.h"

#include <pthread.h>

static struct worker {
	const char *name;
	unsigned parts; /* eighths of the longest */
	pthread_t id;
	int tid;
	uint64_t cpu_ns;
} workers[] = { { "alpha", 8, 0, 0, 0 },
		{ "beta", 4, 0, 0, 0 },
		{ "gamma", 2, 0, 0, 0 },
		{ "delta", 1, 0, 0, 0 } };

static uint64_t longest_ns;

static FRAME void *thread_body(void *arg)
{
	struct worker *w = arg;

	w->tid = work_tid();
	pthread_setname_np(pthread_self(), w->name);
	work_burn(longest_ns * w->parts / 8);
	w->cpu_ns = work_thread_cpu();
	return NULL;
}

static FRAME void create_workers(void)
{
	for (int i = 0; i < 4; i++)
		pthread_create(&workers[i].id, NULL, thread_body, &workers[i]);
	STAY;
}

int main(int argc, char **argv)
{
	uint64_t before = work_thread_cpu(); /* the loader's, and what it preloads */

	longest_ns = work_arg(argc, argv, 1, 400) * MS;
	create_workers();
	for (int i = 0; i < 4; i++) {
		struct worker *w = &workers[i];

		pthread_join(w->id, NULL);
		printf("thread %d %s %llu\n", w->tid, w->name, (unsigned long long)w->cpu_ns);
	}
	printf("thread %d w_threads %llu\n", work_tid(),
	       (unsigned long long)(work_thread_cpu() - before));
	return 0;
}
