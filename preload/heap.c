/* SPDX-License-Identifier: Apache-2.0
 *
 * heap.c - see heap.h.  Poisson sampling by bytes: the distance to the next
 * sampled byte is drawn from an exponential distribution of mean R and counted
 * down by every allocation, so a block of S bytes is sampled with probability
 * 1 - exp(-S/R) whatever came before it.  The reader weighs it by the inverse.
 * R may be another from one gap to the next (heap_rate.h).
 */
#define _GNU_SOURCE
#include "heap.h"

#include <errno.h>
#include <string.h>

#include "allocator.h"
#include "config.h"
#include "gap.h"
#include "guard.h"
#include "heap_rate.h"
#include "heap_record.h"
#include "live.h"
#include "real.h"
#include "state.h"
#include "stats.h"

#define NEVER (UINT64_C(1) << 62) /* a countdown no program reaches */
#define CUT_AT \
	16u /* times LIBPROF_HEAP_BYTES: after so much a thread looks at the distance again */

static bool exact(void)
{
	return config.heap_bytes == 1;
}

/* The next sequence's number.  Each thread has one of its own, also with a seed: a thread's
 * place in the pool is another's when it has left, and threads that draw alike are one
 * sample however many they are. */
static _Atomic uint64_t sequence;

void heap_note_fork(void)
{
	atomic_fetch_add_explicit(&sequence, 1, memory_order_relaxed);
}

/* A child goes on where neither its parent nor another child is: children forked by one
 * thread differ by the number, those of several threads at one moment by the thread. */
void heap_reset_in_child(void)
{
	uint64_t forked = (uint64_t)thread_index_self() << 40 ^ atomic_load(&sequence);

	atomic_store(&sequence, gap_seed(1, forked));
	heap_rate_reset_in_child();
}

/* [hook] A gap of the thread's own sequence. */
static uint64_t next_gap(struct thread_tls *tls, uint8_t shift)
{
	if (!tls->random)
		tls->random = gap_seed(config.seed, atomic_fetch_add(&sequence, 1));
	return gap_draw(&tls->random, config.heap_bytes << shift);
}

/* [hook] Without a memory of what was: a new gap may begin at any byte. */
static void begin_gap(struct thread_tls *tls)
{
	uint8_t shift = heap_rate_shift();
	uint64_t gap, most = CUT_AT * config.heap_bytes;

	tls->gap = tls->countdown = 0; /* a handler that jumps out leaves this: drawn anew */
	gap = next_gap(tls, shift);
	tls->mean_shift = shift & 0x7f;
	tls->cut = gap > most;
	tls->gap = tls->countdown = gap > most ? most : gap;
}

/* [hook] The gap ends in this block of bytes: whether a sampled byte is in it, and by which
 * distance.  Behind the end of one that was cut off, the next sample is as far as anywhere; up to the
 * end of the block by the same distance, so that the block has the chance of its size. */
static bool end_gap(struct thread_tls *tls, size_t bytes, uint8_t *shift)
{
	uint64_t rest = bytes - tls->countdown;
	bool sampled;

	*shift = tls->mean_shift;
	sampled = !tls->cut || next_gap(tls, *shift) <= rest;
	tls->bytes += tls->gap - tls->countdown + bytes;
	begin_gap(tls);
	if (sampled)
		heap_rate_count(*shift);
	return sampled;
}

/* [hook] Counts an allocation of bytes that the hot path sent here; true when
 * it holds a sampled byte, and by which distance. */
static bool account(struct thread_tls *tls, size_t bytes, uint8_t *shift)
{
	tls->calls++;
	*shift = 0;
	switch (state_heap_engine()) {
	case STATE_HEAP_JEMALLOC:
		tls->bytes += bytes; /* countdown stays 0: every call comes here */
		return false;
	case STATE_HEAP_PROGRAM: break;
	default:
		tls->bytes += tls->gap - tls->countdown + bytes;
		tls->gap = tls->countdown = NEVER;
		return false;
	}
	if (exact()) {
		tls->bytes += bytes;
		return true;
	}
	/* Above the gap: below 0 (see thread_count_down), or bytes added back to a new one. */
	if (!tls->gap || tls->countdown > tls->gap) {
		tls->bytes += tls->gap - tls->countdown;
		begin_gap(tls);
	}
	if (bytes < tls->countdown) {
		tls->countdown -= bytes;
		return false;
	}
	return end_gap(tls, bytes, shift);
}

void heap_before(void)
{
	thread_tls.sampled_by = NULL;
}

/* [hook] The calling thread when this process is being recorded, else NULL.  Its
 * first time, and that of a forked child, takes locks. */
static struct thread_state *recorded_self(void)
{
	struct thread_state *t = thread_tls.self;
	uint32_t phase = state_phase();
	struct guard g;

	if (t && phase == STATE_ON && state_is_ours())
		return t;
	if (phase == STATE_NEW) /* constructors that run before ours: every call of theirs */
		return NULL;
	if (phase == STATE_DONE || phase == STATE_INERT) /* just now: no call may be made */
		return NULL;
	guard_enter(&g);
	t = state_recording() ? thread_self() : NULL;
	guard_leave(&g);
	return t;
}

void heap_after(void *block, size_t bytes)
{
	struct thread_tls *tls = &thread_tls;
	struct thread_state *t;
	size_t sampled_bytes = bytes;
	int saved = errno;
	uint8_t shift;
	bool sampled;

	if (!block || tls->busy)
		return;
	if (state_phase() == STATE_INERT || state_phase() == STATE_DONE) {
		tls->bytes += tls->gap - tls->countdown;
		tls->gap = tls->countdown = NEVER; /* do not come here again */
		return;
	}
	t = recorded_self();
	sampled = t && account(tls, bytes, &shift);
	if (t && state_heap_engine() == STATE_HEAP_JEMALLOC && (sampled = jemalloc_sampled(block)))
		sampled_bytes = real.malloc_usable_size(block); /* it goes by size classes */
	if (sampled && atomic_load_explicit(&state.sampling, memory_order_relaxed))
		heap_record_alloc(t, block, bytes, sampled_bytes, shift);
	errno = saved;
}

/* [hook] block is, or may be, a sampled one that is alive. */
static bool is_live(const void *block)
{
	return state_phase() == STATE_ON &&
	       (!state_is_ours() || live_has((uint64_t)(uintptr_t)block));
}

/* [hook] Takes a sampled block out of the table, and says that it ended.  A thread that has
 * left (NULL) can only count it. */
static void end_live(struct thread_state *t, const void *block)
{
	if (state_phase() != STATE_ON)
		return;
	if (t)
		heap_record_free(t, block);
	else if (live_take((uint64_t)(uintptr_t)block))
		stats_lose(PROF_LOSS_FREE_RING, 1);
}

bool heap_free(void *block)
{
	int saved = errno;

	if (real_is_bootstrap(block)) {
		real_bootstrap_free(block);
		return false;
	}
	if (!block || !is_live(block))
		return true;
	if (thread_tls.busy) {
		/* In the middle of our own code, whose locks we may hold. */
		stats_lose(PROF_LOSS_FREE_RING, 1);
		return true;
	}
	end_live(recorded_self(), block); /* a child's first look forgets its parent's blocks */
	errno = saved;
	return true;
}

static void *realloc_bootstrap(void *block, size_t bytes)
{
	size_t old = real_bootstrap_bytes(block);
	void *to = thread_tls.own ? real_own_alloc(bytes) : NULL;

	if (!to) {
		to = real.malloc(bytes);
		heap_after(to, bytes);
	}
	if (to) {
		memcpy(to, block, old < bytes ? old : bytes);
		real_bootstrap_free(block);
	}
	return to;
}

/* [hook] The calling thread, and the id of block, taken out of the table; 0: it is none. */
static uint64_t take_live(const void *block, struct thread_state **t)
{
	*t = recorded_self();
	return state_phase() == STATE_ON ? live_take((uint64_t)(uintptr_t)block) : 0;
}

static void end_moved(struct thread_state *t, uint64_t id)
{
	if (t)
		heap_record_moved(t, id);
	else
		stats_lose(PROF_LOSS_FREE_RING, 1);
}

/* The entry is taken out before the call, since another thread may get the
 * address the moment the block moves; a failed call leaves the block alive and
 * puts it back. */
void *heap_realloc(void *block, size_t bytes)
{
	uint64_t address = (uint64_t)(uintptr_t)block, id = 0, old;
	struct thread_state *t = NULL;
	void *to;
	int saved;

	if (block && real_is_bootstrap(block))
		return realloc_bootstrap(block, bytes);
	if (!block && thread_tls.own && (to = real_own_alloc(bytes)))
		return to;
	if (block && !thread_tls.busy && live_maybe(address) && is_live(block))
		id = take_live(block, &t);
	heap_before();
	to = real.realloc(block, bytes);
	saved = errno;
	if (id && !to && bytes) {
		if (live_put(address, id, &old)) /* its free will pass by */
			stats_lose(PROF_LOSS_FREE_RING, 1);
	} else if (id && state_phase() == STATE_ON) {
		end_moved(t, id);
	}
	errno = saved;
	heap_after(to, bytes);
	return to;
}

void heap_open(const char **why)
{
	enum state_heap engine = STATE_HEAP_PROGRAM;
	bool want_jemalloc = config.heap == CONFIG_HEAP_JEMALLOC ||
			     (config.heap == CONFIG_HEAP_AUTO && jemalloc_profiling_on());

	*why = NULL;
	if (config.heap == CONFIG_HEAP_OFF) {
		engine = STATE_HEAP_OFF;
	} else if (want_jemalloc) {
		if (jemalloc_open(why) == 0)
			engine = STATE_HEAP_JEMALLOC;
		else if (config.heap == CONFIG_HEAP_JEMALLOC)
			engine = STATE_HEAP_OFF;
	} else if (!hook_alloc_in_force()) {
		*why = allocator_in_front();
		engine = STATE_HEAP_OFF;
	} else {
		*why = allocator_behind();
		if (config.heap == CONFIG_HEAP_TOTALS)
			engine = STATE_HEAP_TOTALS;
	}
	atomic_store(&state.heap, engine);
}

const char *heap_engine_name(void)
{
	switch (state_heap_engine()) {
	case STATE_HEAP_PROGRAM: return "program";
	case STATE_HEAP_TOTALS: return "totals";
	case STATE_HEAP_JEMALLOC: return jemalloc_version();
	}
	return "off";
}

uint64_t heap_mean_bytes(void)
{
	switch (state_heap_engine()) {
	case STATE_HEAP_PROGRAM: return config.heap_bytes;
	case STATE_HEAP_JEMALLOC: return jemalloc_mean_bytes();
	}
	return 0;
}
