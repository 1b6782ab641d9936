/* SPDX-License-Identifier: Apache-2.0
 *
 * w_cancel.c - threads that end by pthread_cancel, by pthread_exit deep in
 * their calls, on the smallest stack there is, and that fail to start; TSD
 * destructors that allocate in every round.
 *
 *	cancelled COUNT exited COUNT small COUNT refused COUNT destroyed COUNT
 */
#include "work.h"

#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>

static pthread_key_t key;
static unsigned destroyed;

static void destroy(void *value)
{
	uintptr_t round = (uintptr_t)value;

	work_alloc(round * 1000);
	__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED);
	if (round < 4)
		pthread_setspecific(key, (void *)(round + 1));
}

static FRAME void *sleeps_for_ever(void *unused)
{
	void *p = malloc(100);

	pthread_setspecific(key, (void *)1);
	pthread_cleanup_push(free, p);
	for (;;)
		work_sleep_ms(1000);
	pthread_cleanup_pop(1);
	return unused;
}

static FRAME void leaves(int depth)
{
	static volatile int really = 1;

	if (depth > 0)
		leaves(depth - 1);
	else if (really)
		pthread_exit((void *)7);
	STAY;
}

static FRAME void *exits_deep(void *unused)
{
	leaves(20);
	return unused;
}

static FRAME void *on_small_stack(void *unused)
{
	for (int i = 0; i < 100; i++)
		work_alloc(100);
	return unused ? NULL : (void *)9;
}

static unsigned refused(void)
{
	pthread_attr_t attr;
	pthread_t id;
	unsigned n = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)1 << 46);
	for (int i = 0; i < 10; i++)
		n += pthread_create(&id, &attr, on_small_stack, NULL) != 0;
	return n;
}

int main(void)
{
	unsigned cancelled = 0, exited = 0, small = 0;
	pthread_attr_t attr;
	pthread_t id;
	void *ret;

	pthread_key_create(&key, destroy);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN));
	for (int i = 0; i < 50; i++) {
		pthread_create(&id, NULL, sleeps_for_ever, NULL);
		if (i % 2)
			work_sleep_ms(1);
		pthread_cancel(id);
		pthread_join(id, &ret);
		cancelled += ret == PTHREAD_CANCELED;
		pthread_create(&id, NULL, exits_deep, NULL);
		pthread_join(id, &ret);
		exited += ret == (void *)7;
		pthread_create(&id, &attr, on_small_stack, NULL);
		pthread_join(id, &ret);
		small += ret == (void *)9;
	}
	printf("cancelled %u exited %u small %u refused %u destroyed %s\n", cancelled, exited,
	       small, refused(), destroyed >= 25 * 4 ? "enough" : "too few");
	return 0;
}
