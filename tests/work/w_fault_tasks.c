/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault_tasks.c - threads that all live at once, where a limit on tasks may refuse some:
 *
 *	w_fault_tasks N		tries to make N threads, each of which allocates and stays
 *				until the last has been tried
 *
 *	made N, refused ERRNO (once for each that was), sum N, calls N (the mallocs in
 *	fault_blocks)
 */
#include "fault_blocks.h"

#include <pthread.h>

#define TASKS_MAX 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int all_tried;

static FRAME void *thread_body(void *arg)
{
	*(uint64_t *)arg = fault_blocks();
	pthread_mutex_lock(&mutex);
	while (!all_tried)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t wanted = work_arg(argc, argv, 1, 3), sums[TASKS_MAX], sum = fault_blocks();
	pthread_t id[TASKS_MAX];
	unsigned n = 0;

	for (uint64_t i = 0; i < wanted && i < TASKS_MAX; i++) {
		int err = pthread_create(&id[n], NULL, thread_body, &sums[n]);

		if (err)
			printf("refused %d\n", err);
		else
			n++;
	}
	pthread_mutex_lock(&mutex);
	all_tried = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(id[i], NULL);
		sum += sums[i];
	}
	printf("made %u\n", n);
	printf("sum %llu\n", (unsigned long long)sum);
	printf("calls %llu\n", (unsigned long long)made);
	return 11;
}
