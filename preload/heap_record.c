/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_record.c - see heap_record.h.  Runs on the program's threads; everything ends in
 * one record of the event ring, or in a loss that is counted.
 */
#include "heap_record.h"

#include <string.h>

#include "apart.h"
#include "capture.h"
#include "config.h"
#include "known_stacks.h"
#include "live.h"
#include "ring.h"
#include "state.h"
#include "stats.h"
#include "sys.h"
#include "writer.h"

#define EXACT_WAIT_NS UINT64_C(100000000) /* longest an event waits for room */
#define EXACT_STEP_NS UINT64_C(200000)

#define IDS_AT_A_TIME 64u /* 0 of which is none */

static _Atomic uint64_t ids_taken;

/* [hook] Room in the ring.  Exact mode was asked for every call, so it waits a
 * little for the writer; sampled mode never does. */
static struct ring_event *reserve(uint32_t bytes, enum ring_kind kind)
{
	static _Atomic uint64_t waited_in_vain_at = UINT64_MAX; /* consumer's progress */
	struct ring_event *e = ring_reserve(bytes, kind);
	_Atomic uint32_t nothing = 0;
	uint64_t until, progress;

	if (e || config.heap_bytes != 1)
		return e;
	/* Where the writer has not moved since a whole wait, another is no use. */
	progress = ring_progress();
	if (progress == atomic_load(&waited_in_vain_at))
		return NULL;
	until = sys_now_ns() + EXACT_WAIT_NS;
	do {
		writer_ring_bell();
		sys_futex_wait(&nothing, 0, EXACT_STEP_NS);
		e = ring_reserve(bytes, kind);
	} while (!e && sys_now_ns() < until && state_phase() == STATE_ON);
	if (!e)
		atomic_store(&waited_in_vain_at, progress);
	return e;
}

/* [hook] The time is that of the commit: what perf reports of a library mapped later is
 * not taken before it. */
static void commit(struct ring_event *e)
{
	const struct thread_state *t = thread_tls.self; /* a child's, if a handler has forked */

	e->thread = t ? t->index : 0;
	e->tid = t ? t->tid : (uint32_t)sys_gettid();
	e->t_ns = sys_now_ns();
	ring_commit(e);
}

/* [hook] An event with the frames of a stack that is known, or NULL. */
static struct ring_event *take_known(const uint64_t regs[ARCH_REGS], uint32_t bytes)
{
	struct known_stack k;
	struct ring_event *e;
	uint64_t top;

	if (!thread_stack_bounds(regs[ARCH_SP], &top) || !known_stack_find(regs, bytes, &k))
		return NULL;
	e = ring_reserve(RING_KNOWN_BYTES(k.frames), RING_ALLOC); /* the copy is to wait, once */
	if (!e)
		return NULL;
	e->frames = (uint16_t)k.frames;
	if (known_stack_frames(&k, ring_frames(e)))
		return e;
	e->kind = RING_VOID;
	commit(e);
	return NULL;
}

/* [hook] Takes the caller's stack into a new event: registers and a copy, or, of an allocation, the
 * frames of a stack that is known. */
static struct ring_event *capture_here(enum ring_kind kind)
{
	uint64_t regs[ARCH_REGS];
	struct ring_event *e;
	uint32_t bytes;

	memset(regs, 0, sizeof(regs));
	arch_read_regs(regs);
	bytes = capture_stack_size(regs[ARCH_SP], (uint32_t)config.stack_bytes);
	e = kind == RING_ALLOC ? take_known(regs, bytes) : NULL;
	if (e)
		return e;
	e = reserve((uint32_t)sizeof(*e) + bytes, kind);
	if (!e)
		return NULL;
	e->valid = ARCH_READ_REGS_VALID;
	memcpy(e->regs, regs, sizeof(regs));
	e->stack_bytes = capture_stack(regs[ARCH_SP], e->stack, bytes, &e->cut);
	return e;
}

/* [hook] The end of block id, 0 for none after all, in the room taken for it. */
static void end_block(struct ring_event *e, uint64_t id)
{
	if (!e) {
		if (id)
			stats_lose(PROF_LOSS_FREE_RING, 1);
		return;
	}
	e->block = id;
	if (!id)
		e->kind = RING_VOID;
	commit(e);
}

static void record_free(uint64_t id)
{
	end_block(reserve(RING_FREE_BYTES, RING_FREE), id);
}

/* Room first: what is reserved and never committed is counted as lost, what is only taken out
 * of the table is not. */
static void record_end_of(uint64_t address)
{
	struct ring_event *e = reserve(RING_FREE_BYTES, RING_FREE);

	end_block(e, live_take(address));
}

/* [hook] A block's id, of those that the thread has taken for itself: where all took them one by
 * one, each would wait for the word to come from another's CPU. */
static uint64_t next_id(struct thread_state *t)
{
	uint64_t next = atomic_load_explicit(&t->next_block, memory_order_relaxed), id;

	do
		id = next % IDS_AT_A_TIME ? next
					  : atomic_fetch_add_explicit(&ids_taken, IDS_AT_A_TIME,
								      memory_order_relaxed) +
						    1;
	while (!atomic_compare_exchange_weak_explicit(&t->next_block, &next, id + 1,
						      memory_order_relaxed, memory_order_relaxed));
	return id;
}

static void record_alloc(struct thread_state *t, void *block, size_t bytes, size_t sampled_bytes,
			 uint8_t mean_shift)
{
	uint64_t id = next_id(t), old;
	struct ring_event *e;

	live_keep_sparse(); /* before room is taken in the ring */
	e = capture_here(RING_ALLOC);
	if (!e) {
		stats_lose(PROF_LOSS_HEAP_RING, 1);
		return;
	}
	e->block = id;
	e->size = bytes;
	e->sampled_size = sampled_bytes;
	e->mean_shift = mean_shift;
	if (live_put((uint64_t)(uintptr_t)block, id, &old)) {
		stats_lose(PROF_LOSS_LIVE_TABLE, 1);
		e->kind = RING_VOID;
	}
	commit(e);
	if (old)
		record_free(old);
}

void heap_record_free(struct thread_state *t, const void *block)
{
	uint32_t outer = thread_record_begin(t);

	if (state_phase() == STATE_ON)
		record_end_of((uint64_t)(uintptr_t)block);
	thread_record_end(t, outer);
}

void heap_record_moved(struct thread_state *t, uint64_t id)
{
	uint32_t outer = thread_record_begin(t);

	if (state_phase() == STATE_ON)
		record_free(id);
	thread_record_end(t, outer);
}

void heap_record_alloc(struct thread_state *t, void *block, size_t bytes, size_t sampled_bytes,
		       uint8_t mean_shift)
{
	uint32_t outer = thread_record_begin(t);

	if (state_phase() == STATE_ON)
		record_alloc(t, block, bytes, sampled_bytes, mean_shift);
	thread_record_end(t, outer);
}

/* Sites already recorded, by return address: open addressing, lock-free, full
 * when it is full. */
#define SITES 1024u
#define SITES_PER_SECOND 1000u

static bool site_is_new(uint64_t pc)
{
	static _Atomic uint64_t sites[SITES] APART;
	uint64_t i = pc * LIVE_HASH_FACTOR >> 54;

	for (unsigned n = 0; n < SITES; n++, i = (i + 1) % SITES) {
		uint64_t seen = 0;

		if (atomic_compare_exchange_strong(&sites[i], &seen, pc))
			return true;
		if (seen == pc)
			return false;
	}
	return false;
}

static bool within_rate(void)
{
	static _Atomic uint64_t second, count;
	uint64_t now = sys_now_ns() / 1000000000u;

	if (atomic_exchange(&second, now) != now)
		atomic_store(&count, 0);
	return atomic_fetch_add(&count, 1) < SITES_PER_SECOND;
}

static void record_creation(uint64_t pc)
{
	struct ring_event *e = within_rate() ? capture_here(RING_CREATE) : NULL;

	if (!e) {
		stats_lose(PROF_LOSS_CREATION_STACK, 1);
		return;
	}
	e->block = pc;
	commit(e);
}

void heap_record_creation(struct thread_state *t, uint64_t pc)
{
	uint32_t outer = thread_record_begin(t);

	if (state_phase() == STATE_ON && site_is_new(pc))
		record_creation(pc);
	thread_record_end(t, outer);
}
