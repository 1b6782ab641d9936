/* SPDX-License-Identifier: Apache-2.0
 *
 * test_lock.c - the lock excludes, and a waiter whose wake is lost comes by itself.
 */
#include "../../preload/lock.h"

#include <pthread.h>

#include "../check.h"

#define THREADS 4
#define TURNS 100000
#define SLEPT_NS UINT64_C(20000000) /* a waiter is asleep by then */
#define PATIENCE_NS UINT64_C(5000000000)

static struct lock lock;
static uint64_t count;
static _Atomic bool taken;

static void *count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < TURNS; i++) {
		lock_take(&lock);
		count++;
		lock_drop(&lock);
	}
	return NULL;
}

TEST(excludes)
{
	pthread_t id[THREADS];

	for (int i = 0; i < THREADS; i++)
		EQ(pthread_create(&id[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	EQ(count, THREADS * TURNS);
	EQ(lock.word, 0);
}

static void *take_once(void *arg)
{
	(void)arg;
	lock_take(&lock);
	atomic_store(&taken, true);
	lock_drop(&lock);
	return NULL;
}

/* What is left of lock_drop where a sandbox refuses to wake. */
TEST(lost_wake)
{
	uint64_t until = sys_now_ns() + PATIENCE_NS;
	pthread_t waiter;

	lock_take(&lock);
	EQ(pthread_create(&waiter, NULL, take_once, NULL), 0);
	while (atomic_load(&lock.word) != 2 && sys_now_ns() < until)
		sys_sleep_ns(1000000);
	sys_sleep_ns(SLEPT_NS);
	TRUE(!atomic_load(&taken));
	atomic_store(&lock.word, 0);
	while (!atomic_load(&taken) && sys_now_ns() < until)
		sys_sleep_ns(1000000);
	TRUE(atomic_load(&taken));
	pthread_join(waiter, NULL);
}
