/* SPDX-License-Identifier: Apache-2.0
 *
 * w_short_threads.c - many threads that are over before a sampling period
 * is, two at a time.  Arguments: how many (200), milliseconds of CPU each (8).
 *
 *	thread TID NAME CPU_NS       sum CPU_NS
 */
#include "work.h"

#include <pthread.h>

#define AT_A_TIME 2

struct worker {
	unsigned number;
	int tid;
	pthread_t id;
	uint64_t cpu_ns;
};

static uint64_t each_ns;

static FRAME void *short_body(void *arg)
{
	struct worker *w = arg;
	char name[16];

	w->tid = work_tid();
	snprintf(name, sizeof(name), "short-%u", w->number);
	pthread_setname_np(pthread_self(), name);
	work_burn(each_ns - work_thread_cpu());
	w->cpu_ns = work_thread_cpu();
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned threads = (unsigned)work_arg(argc, argv, 1, 200);
	struct worker w[AT_A_TIME];
	uint64_t sum = 0;

	each_ns = work_arg(argc, argv, 2, 8) * MS;
	for (unsigned t = 0; t < threads; t += AT_A_TIME) {
		for (unsigned i = 0; i < AT_A_TIME; i++) {
			w[i] = (struct worker){ .number = t + i };
			pthread_create(&w[i].id, NULL, short_body, &w[i]);
		}
		for (unsigned i = 0; i < AT_A_TIME; i++) {
			pthread_join(w[i].id, NULL);
			sum += w[i].cpu_ns;
			printf("thread %d short-%u %llu\n", w[i].tid, w[i].number,
			       (unsigned long long)w[i].cpu_ns);
		}
	}
	printf("sum %llu\n", (unsigned long long)sum);
	return 0;
}
