/* SPDX-License-Identifier: Apache-2.0
 *
 * crowd.c - many threads that are alive at once, each of which has allocated.
 * Arguments: threads (5,000), milliseconds that all are there (700).
 *
 *	crowd N CREATE_NS JOIN_NS
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../../tests/work/work.h"

#define STACK_BYTES (64u << 10)

static _Atomic uint64_t there;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t leave = PTHREAD_COND_INITIALIZER;
static int may_leave;

static void *stand(void *arg)
{
	work_alloc(100);
	atomic_fetch_add(&there, 1);
	pthread_mutex_lock(&lock);
	while (!may_leave)
		pthread_cond_wait(&leave, &lock);
	pthread_mutex_unlock(&lock);
	return arg;
}

int main(int argc, char **argv)
{
	uint64_t threads = work_arg(argc, argv, 1, 5000), ms = work_arg(argc, argv, 2, 700);
	pthread_t *thread = calloc(threads + 1, sizeof(*thread));
	uint64_t start = work_clock(CLOCK_MONOTONIC), created;
	pthread_attr_t attr;

	if (!thread || pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, STACK_BYTES))
		return 1;
	for (uint64_t i = 0; i < threads; i++)
		if (pthread_create(&thread[i], &attr, stand, NULL))
			return 1;
	while (atomic_load(&there) < threads)
		work_sleep_ms(1);
	created = work_clock(CLOCK_MONOTONIC) - start;
	work_sleep_ms(ms);
	start = work_clock(CLOCK_MONOTONIC);
	pthread_mutex_lock(&lock);
	may_leave = 1;
	pthread_cond_broadcast(&leave);
	pthread_mutex_unlock(&lock);
	for (uint64_t i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("crowd %llu %llu %llu\n", (unsigned long long)threads, (unsigned long long)created,
	       (unsigned long long)(work_clock(CLOCK_MONOTONIC) - start));
	return 0;
}
