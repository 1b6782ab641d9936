/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_pool.c - see thread_pool.h.
 */
#include "thread_pool.h"

#include <string.h>

#include "stats.h"
#include "sys.h"

/* The pool: chunk k holds 64 << k states, so that an index is found with one
 * count of leading zeros and nothing ever moves. */
#define POOL_FIRST 64u
#define POOL_CHUNKS 16u /* four million threads alive at once */

static struct {
	struct lock lock;
	struct thread_state *chunks[POOL_CHUNKS];
	_Atomic uint32_t end; /* first index never handed out */
	uint32_t free_list;
} pool = { .end = 1 };

static struct thread_state *pool_slot(uint32_t index)
{
	uint32_t group = index / POOL_FIRST + 1;
	uint32_t chunk = 31 - (uint32_t)__builtin_clz(group);
	uint32_t first = ((1u << chunk) - 1) * POOL_FIRST;

	if (chunk >= POOL_CHUNKS)
		return NULL;
	if (!pool.chunks[chunk])
		pool.chunks[chunk] =
			sys_map(((size_t)POOL_FIRST << chunk) * sizeof(struct thread_state));
	return pool.chunks[chunk] ? pool.chunks[chunk] + (index - first) : NULL;
}

struct thread_state *thread_pool_take(void)
{
	struct thread_state *t = NULL;
	uint32_t index;

	lock_take(&pool.lock);
	index = pool.free_list;
	if (index) {
		t = pool_slot(index);
		pool.free_list = t->next_free;
	} else {
		index = atomic_load_explicit(&pool.end, memory_order_relaxed);
		t = pool_slot(index);
	}
	if (t) {
		memset(t, 0, sizeof(*t));
		t->index = index;
		t->timer_id = -1;
		atomic_store_explicit(&t->life, THREAD_STARTING, memory_order_relaxed);
		if (index == atomic_load_explicit(&pool.end, memory_order_relaxed))
			atomic_store_explicit(&pool.end, index + 1, memory_order_release);
	}
	lock_drop(&pool.lock);
	if (!t)
		stats_lose(PROF_LOSS_THREAD_TABLE, 1);
	return t;
}

void thread_pool_give(struct thread_state *t)
{
	lock_take(&pool.lock);
	atomic_store_explicit(&t->life, THREAD_FREE, memory_order_relaxed);
	t->next_free = pool.free_list;
	pool.free_list = t->index;
	lock_drop(&pool.lock);
}

struct thread_state *thread_get(uint32_t index)
{
	if (!index || index >= atomic_load_explicit(&pool.end, memory_order_acquire))
		return NULL;
	return pool_slot(index);
}

uint32_t thread_pool_end(void)
{
	return atomic_load_explicit(&pool.end, memory_order_acquire);
}

/* The chunks stay: what the fork came in between may still look at its state there. */
void thread_pool_reset(void)
{
	atomic_store(&pool.lock.word, 0);
	pool.free_list = 0;
	atomic_store(&pool.end, 1);
}

void thread_recycle(struct thread_state *t)
{
	thread_pool_give(t);
}
