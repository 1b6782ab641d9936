/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.c - malloc and free on several threads at once, blocks of 16 to 527
 * bytes, after a warm-up: what a library does at its start is not in it.
 * Arguments: threads (2), pairs of each (3,000,000), 1 when a block is freed by
 * whichever thread comes by (0: by the one that allocated it).
 *
 *	exchange PAIRS WALL_NS CPU_NS
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../../tests/work/work.h"

#define THREADS_MAX 256u
#define WARM_UP_PART 4u	   /* of the pairs */
#define OWN_SLOTS 512u	   /* powers of two */
#define SHARED_SLOTS 4096u /* as larson's, whose threads take over what others left */

static _Atomic(void *) shared[SHARED_SLOTS];
static uint64_t pairs, cross, cpu_ns[THREADS_MAX];
static pthread_barrier_t start_line;

static uint64_t next(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return *random >> 33;
}

static void run_own(uint64_t random, uint64_t n)
{
	void *slots[OWN_SLOTS] = { NULL };

	for (uint64_t i = 0; i < n; i++) {
		void *p = malloc(16 + next(&random) % 512);

		free(slots[i % OWN_SLOTS]);
		slots[i % OWN_SLOTS] = p;
	}
	for (unsigned i = 0; i < OWN_SLOTS; i++)
		free(slots[i]);
}

static void run_cross(uint64_t random, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t r = next(&random);
		void *p = malloc(16 + r % 512);

		free(atomic_exchange(&shared[(r >> 9) % SHARED_SLOTS], p));
	}
}

static void *thread_main(void *arg)
{
	void (*run)(uint64_t random, uint64_t n) = cross ? run_cross : run_own;
	uint64_t n = (uint64_t)(uintptr_t)arg, cpu;

	run(n + 1, pairs / WARM_UP_PART);
	pthread_barrier_wait(&start_line);
	cpu = work_thread_cpu();
	run(n + 1, pairs);
	cpu_ns[n] = work_thread_cpu() - cpu;
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t threads = work_arg(argc, argv, 1, 2), start, cpu = 0;
	pthread_t thread[THREADS_MAX];

	pairs = work_arg(argc, argv, 2, 3000000);
	cross = work_arg(argc, argv, 3, 0);
	if (!threads || threads > THREADS_MAX)
		return 2;
	pthread_barrier_init(&start_line, NULL, (unsigned)threads + 1);
	for (uint64_t i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, thread_main, (void *)(uintptr_t)i))
			return 1;
	pthread_barrier_wait(&start_line);
	start = work_clock(CLOCK_MONOTONIC);
	for (uint64_t i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		cpu += cpu_ns[i];
	}
	printf("exchange %llu %llu %llu\n", (unsigned long long)(threads * pairs),
	       (unsigned long long)(work_clock(CLOCK_MONOTONIC) - start), (unsigned long long)cpu);
	return 0;
}
