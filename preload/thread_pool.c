/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_pool.c - see thread_pool.h.  Without a lock: a handler of the program's may jump out
 * of any step, and masking signals around one would be two system calls a thread.
 */
#include "thread_pool.h"

#include <stddef.h>
#include <string.h>

#include "stats.h"
#include "sys.h"

/* The pool: chunk k holds 64 << k states, so that an index is found with one
 * count of leading zeros and nothing ever moves. */
#define POOL_FIRST 64u
#define POOL_CHUNKS 16u /* four million threads alive at once */

static struct {
	_Atomic(struct thread_state *) chunks[POOL_CHUNKS];
	_Atomic uint32_t end; /* first index never handed out */
	/* Index of the first free state, 0 none; above it a count of changes, by which one that
	 * was taken and given back meanwhile is not taken for the same list. */
	_Atomic uint64_t free_list;
} pool = { .end = 1 };

/* The chunk's memory, mapped by the first who asks. */
static struct thread_state *chunk_memory(uint32_t chunk)
{
	const size_t bytes = ((size_t)POOL_FIRST << chunk) * sizeof(struct thread_state);
	struct thread_state *memory = atomic_load(&pool.chunks[chunk]), *fresh;

	if (memory)
		return memory;
	fresh = sys_map(bytes);
	if (!fresh || atomic_compare_exchange_strong(&pool.chunks[chunk], &memory, fresh))
		return fresh;
	sys_unmap(fresh, bytes);
	return memory;
}

static struct thread_state *pool_slot(uint32_t index)
{
	uint32_t group = index / POOL_FIRST + 1;
	uint32_t chunk = 31 - (uint32_t)__builtin_clz(group);
	uint32_t first = ((1u << chunk) - 1) * POOL_FIRST;
	struct thread_state *memory = chunk < POOL_CHUNKS ? chunk_memory(chunk) : NULL;

	return memory ? memory + (index - first) : NULL;
}

/* free_list with index in front. */
static uint64_t next_list(uint64_t list, uint32_t index)
{
	return ((list >> 32) + 1) << 32 | index;
}

/* A state that was given back, and its index; or NULL. */
static struct thread_state *take_free(uint32_t *taken)
{
	uint64_t list = atomic_load(&pool.free_list);
	struct thread_state *t;

	do {
		if (!(uint32_t)list)
			return NULL;
		t = pool_slot((uint32_t)list);
	} while (!atomic_compare_exchange_weak(&pool.free_list, &list,
					       next_list(list, atomic_load(&t->next_free))));
	*taken = (uint32_t)list;
	return t;
}

/* One that was never handed out, or NULL. */
static struct thread_state *take_fresh(uint32_t *taken)
{
	uint32_t index = atomic_load(&pool.end);
	struct thread_state *t;

	do {
		t = pool_slot(index);
		if (!t)
			return NULL;
	} while (!atomic_compare_exchange_weak(&pool.end, &index, index + 1));
	*taken = index;
	return t;
}

struct thread_state *thread_pool_take(void)
{
	uint32_t index;
	struct thread_state *t = take_free(&index);

	if (!t)
		t = take_fresh(&index);
	if (!t) {
		stats_lose(PROF_LOSS_THREAD_TABLE, 1);
		return NULL;
	}
	memset(t, 0, offsetof(struct thread_state, next_free));
	t->index = index;
	t->timer_id = -1;
	atomic_store_explicit(&t->life, THREAD_STARTING, memory_order_relaxed);
	return t;
}

void thread_pool_give(struct thread_state *t)
{
	uint64_t list = atomic_load(&pool.free_list);

	atomic_store_explicit(&t->life, THREAD_FREE, memory_order_relaxed);
	do
		atomic_store(&t->next_free, (uint32_t)list);
	while (!atomic_compare_exchange_weak(&pool.free_list, &list, next_list(list, t->index)));
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

/* Whoever the fork came in between may still hold a state: none of before is given out again. */
void thread_pool_reset(void)
{
	uint32_t end = atomic_load(&pool.end);

	for (uint32_t i = 1; i < end; i++) {
		struct thread_state *t = pool_slot(i);

		if (t && atomic_load(&t->life) != THREAD_FREE)
			atomic_store(&t->life, THREAD_FREE);
	}
	atomic_store(&pool.free_list, next_list(atomic_load(&pool.free_list), 0));
}

void thread_recycle(struct thread_state *t)
{
	thread_pool_give(t);
}
