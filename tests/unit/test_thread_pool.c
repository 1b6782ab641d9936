/* SPDX-License-Identifier: Apache-2.0
 *
 * test_thread_pool.c - states belong to one owner at a time, whoever takes and gives them
 * back; after a reset those of before look free and are not handed out again.
 *
 * links: preload/thread_pool.c preload/stats.c
 */
#include "../../preload/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include "../check.h"

#define THREADS 4
#define TURNS 100000
#define HELD 3

static _Atomic uint32_t owners[2 * 64 * THREADS];

static void own(struct thread_state *t)
{
	TRUE(t);
	EQ(atomic_load(&t->life), THREAD_STARTING);
	EQ(t->tid, 0);
	TRUE(thread_get(t->index) == t);
	TRUE(t->index < sizeof(owners) / sizeof(*owners));
	EQ(atomic_fetch_add(&owners[t->index], 1), 0);
	t->tid = 7; /* what the next must not see */
}

static void disown(struct thread_state *t)
{
	EQ(atomic_fetch_sub(&owners[t->index], 1), 1);
	thread_pool_give(t);
}

static void *takes_and_gives(void *arg)
{
	struct thread_state *held[HELD];

	(void)arg;
	for (unsigned turn = 0; turn < TURNS; turn++) {
		for (unsigned i = 0; i < 1 + turn % HELD; i++)
			own(held[i] = thread_pool_take());
		for (unsigned i = 0; i < 1 + turn % HELD; i++)
			disown(held[i]);
	}
	return NULL;
}

TEST(each_has_one_owner)
{
	pthread_t id[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		EQ(pthread_create(&id[i], NULL, takes_and_gives, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	/* No more than were held at once, but for those between two owners. */
	TRUE(thread_pool_end() <= 1 + 2 * THREADS * HELD);
	TRUE(!thread_get(0));
	TRUE(!thread_get(thread_pool_end()));
}

TEST(a_state_is_kept_whole_in_its_chunk)
{
	struct thread_state *t[200]; /* three chunks */

	for (unsigned i = 0; i < 200; i++)
		own(t[i] = thread_pool_take());
	for (unsigned i = 0; i < 200; i++) {
		EQ(t[i]->index, i + 1);
		TRUE(thread_get(i + 1) == t[i]);
		disown(t[i]);
	}
	EQ(thread_pool_end(), 201);
	own(t[0] = thread_pool_take()); /* the last that came back */
	EQ(t[0]->index, 200);
}

/* What a forked child does: states of the parent, whose threads it does not have, are not met
 * by whoever goes through the pool. */
TEST(a_new_pool_has_no_old_life)
{
	struct thread_state *t;

	for (unsigned i = 0; i < 5; i++) {
		t = thread_pool_take();
		atomic_store(&t->life, THREAD_LIVE);
	}
	thread_pool_give(t);
	thread_pool_reset();
	for (uint32_t i = 1; i < thread_pool_end(); i++)
		EQ(atomic_load(&thread_get(i)->life), THREAD_FREE);
	own(t = thread_pool_take()); /* not one that somebody may still hold */
	EQ(t->index, 6);
}

static _Atomic uint64_t taken_by_handler;
static _Atomic bool over;

static void on_signal(int sig)
{
	struct thread_state *t = thread_pool_take();

	(void)sig;
	own(t);
	disown(t);
	atomic_fetch_add(&taken_by_handler, 1);
}

static void *takes_for_a_while(void *arg)
{
	takes_and_gives(arg);
	atomic_store(&over, true);
	return NULL;
}

/* A handler that comes in between takes and gives, too. */
TEST(a_handler_may_come)
{
	pthread_t other;

	signal(SIGUSR1, on_signal);
	EQ(pthread_create(&other, NULL, takes_for_a_while, NULL), 0);
	while (!atomic_load(&over))
		pthread_kill(other, SIGUSR1);
	pthread_join(other, NULL);
	TRUE(atomic_load(&taken_by_handler) > 0);
}
