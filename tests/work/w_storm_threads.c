/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_threads.c - threads made and joined as fast as they go, eight makers
 * at once, on stacks of 16 KiB (or the least there may be).  A third of them
 * is cancelled where it waits, a third while it computes with asynchronous
 * cancellation; blocks are freed by cleanup handlers, by the joiner, or by
 * destructors of thread-specific data.
 */
#include "storm.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#define MAKERS 8
#define STACK_BYTES (16u << 10)

enum way { RETURNS, DEFERRED, ASYNCHRONOUS, WAYS };

static pthread_attr_t small;
static pthread_key_t key;
static _Atomic uint64_t made, ended[WAYS];

struct task {
	enum way way;
	void *for_joiner;
	sem_t ready;
};

static void on_cancel(void *block)
{
	storm_free(block);
}

static FRAME void wait_for_ever(void)
{
	for (;;)
		pause();
}

/* Nothing here but computing: all that asynchronous cancellation allows. */
static FRAME void compute_for_ever(void)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		work_spin(1000);
}

static void *short_life(void *arg)
{
	struct task *task = arg;
	void *block = storm_malloc(300);

	task->for_joiner = storm_malloc(200);
	pthread_setspecific(key, storm_malloc(100));
	pthread_cleanup_push(on_cancel, block);
	sem_post(&task->ready);
	if (task->way == DEFERRED)
		wait_for_ever();
	if (task->way == ASYNCHRONOUS)
		compute_for_ever();
	pthread_cleanup_pop(1);
	return NULL;
}

static void *maker(void *arg)
{
	for (unsigned n = (unsigned)(uintptr_t)arg; storm_running(); n++) {
		struct task task = { .way = n % WAYS };
		void *status;
		pthread_t id;

		sem_init(&task.ready, 0, 0);
		if (pthread_create(&id, &small, short_life, &task))
			continue;
		made++;
		if (task.way != RETURNS) {
			while (sem_wait(&task.ready))
				;
			pthread_cancel(id);
		}
		pthread_join(id, &status);
		ended[task.way] += status == (task.way == RETURNS ? NULL : PTHREAD_CANCELED);
		storm_free(task.for_joiner);
		sem_destroy(&task.ready);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t makers[MAKERS];

	storm_begin(argc, argv);
	pthread_key_create(&key, storm_free);
	pthread_attr_init(&small);
	if (pthread_attr_setstacksize(&small, STACK_BYTES))
		pthread_attr_setstacksize(&small, (size_t)sysconf(_SC_THREAD_STACK_MIN));
	for (uintptr_t i = 0; i < MAKERS; i++)
		pthread_create(&makers[i], NULL, maker, (void *)i);
	for (unsigned i = 0; i < MAKERS; i++)
		pthread_join(makers[i], NULL);
	storm_load("threads", made);
	storm_must("astray", made - ended[RETURNS] - ended[DEFERRED] - ended[ASYNCHRONOUS]);
	storm_end();
	return 0;
}
