/* SPDX-License-Identifier: Apache-2.0
 *
 * heap.c - see heap.h.  Poisson sampling by bytes: the distance to the next
 * sampled byte is drawn from an exponential distribution of mean R and counted
 * down by every allocation, so a block of S bytes is sampled with probability
 * 1 - exp(-S/R) whatever came before it.  The reader weighs it by the inverse.
 */
#define _GNU_SOURCE
#include "heap.h"

#include <errno.h>
#include <string.h>

#include "capture.h"
#include "config.h"
#include "gap.h"
#include "live.h"
#include "real.h"
#include "ring.h"
#include "state.h"
#include "stats.h"
#include "sys.h"
#include "writer.h"

#define EXACT_WAIT_NS UINT64_C(100000000) /* longest an event waits for room */
#define EXACT_STEP_NS UINT64_C(200000)
#define NEVER (UINT64_C(1) << 62) /* a countdown no program reaches */

static _Atomic uint64_t last_block;

static bool exact(void)
{
	return config.heap_bytes == 1;
}

/* [hook] A gap of the thread's own sequence. */
static uint64_t next_gap(struct thread_tls *tls)
{
	if (!tls->random)
		tls->random = gap_seed(config.seed, thread_index_self());
	return gap_draw(&tls->random, config.heap_bytes);
}

/* [hook] Counts an allocation of bytes that the hot path sent here; true when
 * it holds a sampled byte. */
static bool account(struct thread_tls *tls, size_t bytes)
{
	tls->calls++;
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
	if (!tls->gap)
		tls->gap = tls->countdown = next_gap(tls);
	if (bytes < tls->countdown) {
		tls->countdown -= bytes;
		return false;
	}
	tls->bytes += tls->gap - tls->countdown + bytes;
	tls->gap = tls->countdown = next_gap(tls);
	return true;
}

/* [hook] Room in the ring.  Exact mode was asked for every call, so it waits a
 * little for the writer; sampled mode never does. */
static struct ring_event *reserve(uint32_t bytes, enum ring_kind kind)
{
	static _Atomic uint64_t waited_in_vain_at = UINT64_MAX; /* consumer's place */
	struct ring_event *e = ring_reserve(bytes, kind);
	_Atomic uint32_t nothing = 0;
	uint64_t until, place = ring_place();

	/* Where the writer has not moved since a whole wait, another is no use. */
	if (e || !exact() || place == atomic_load(&waited_in_vain_at))
		return e;
	until = sys_now_ns() + EXACT_WAIT_NS;
	do {
		writer_ring_bell();
		sys_futex_wait(&nothing, 0, EXACT_STEP_NS);
		e = ring_reserve(bytes, kind);
	} while (!e && sys_now_ns() < until && state_phase() == STATE_ON);
	if (!e)
		atomic_store(&waited_in_vain_at, place);
	return e;
}

static void fill_common(struct ring_event *e, const struct thread_state *t)
{
	e->t_ns = sys_now_ns();
	e->thread = t->index;
	e->tid = t->tid;
}

/* [hook] Takes the caller's registers and stack into a new event. */
static struct ring_event *capture_here(const struct thread_state *t, enum ring_kind kind)
{
	uint64_t regs[ARCH_REGS];
	struct ring_event *e;
	uint32_t bytes;

	memset(regs, 0, sizeof(regs));
	arch_read_regs(regs);
	bytes = capture_stack_size(regs[ARCH_SP], (uint32_t)config.stack_bytes);
	e = reserve((uint32_t)sizeof(*e) + bytes, kind);
	if (!e)
		return NULL;
	fill_common(e, t);
	e->valid = ARCH_READ_REGS_VALID;
	memcpy(e->regs, regs, sizeof(regs));
	e->stack_bytes = capture_stack(regs[ARCH_SP], e->stack, bytes, &e->cut);
	return e;
}

static void record_free(const struct thread_state *t, uint64_t id)
{
	struct ring_event *e = reserve(RING_SHORT_BYTES, RING_FREE);

	if (!e) {
		stats_lose(PROF_LOSS_FREE_RING, 1);
		return;
	}
	fill_common(e, t);
	e->block = id;
	ring_commit(e);
}

static void record_alloc(const struct thread_state *t, void *block, size_t bytes,
			 size_t sampled_bytes)
{
	uint64_t id = atomic_fetch_add_explicit(&last_block, 1, memory_order_relaxed) + 1, old;
	struct ring_event *e = capture_here(t, RING_ALLOC);

	if (!e) {
		stats_lose(PROF_LOSS_HEAP_RING, 1);
		return;
	}
	e->block = id;
	e->size = bytes;
	e->sampled_size = sampled_bytes;
	if (live_put((uint64_t)(uintptr_t)block, id, &old)) {
		stats_lose(PROF_LOSS_LIVE_TABLE, 1);
		e->kind = RING_VOID;
	}
	ring_commit(e);
	if (old)
		record_free(t, old);
}

void heap_before(void)
{
	thread_tls.sampled_by = NULL;
}

void heap_after(void *block, size_t bytes)
{
	struct thread_tls *tls = &thread_tls;
	const struct thread_state *t;
	int saved = errno;

	if (!block || tls->busy)
		return;
	if (state_phase() == STATE_INERT || state_phase() == STATE_DONE) {
		tls->gap = tls->countdown = NEVER; /* do not come here again */
		return;
	}
	tls->busy++;
	if (state_recording() && (t = thread_self())) {
		bool sampled = account(tls, bytes);
		size_t by = bytes;

		if (state_heap_engine() == STATE_HEAP_JEMALLOC &&
		    (sampled = jemalloc_sampled(block)))
			by = real.malloc_usable_size(block); /* jemalloc goes by size classes */
		if (sampled && atomic_load_explicit(&state.sampling, memory_order_relaxed))
			record_alloc(t, block, bytes, by);
	}
	tls->busy--;
	errno = saved;
}

bool heap_free(void *block)
{
	struct thread_tls *tls = &thread_tls;
	const struct thread_state *t;
	int saved = errno;
	uint64_t id;

	if (real_is_bootstrap(block))
		return false;
	if (!block || state_phase() != STATE_ON)
		return true;
	if (tls->busy) {
		/* A signal handler interrupted our own code, whose locks we may hold. */
		stats_lose(PROF_LOSS_FREE_RING, 1);
		return true;
	}
	tls->busy++;
	/* In a child that no handler told of, locks may be held by nobody. */
	if (state_recording() && (id = live_take((uint64_t)(uintptr_t)block)) &&
	    (t = thread_self()))
		record_free(t, id);
	tls->busy--;
	errno = saved;
	return true;
}

static void *realloc_bootstrap(void *block, size_t bytes)
{
	size_t old = real_bootstrap_bytes(block);
	void *to = real.malloc(bytes);

	if (to)
		memcpy(to, block, old < bytes ? old : bytes);
	heap_after(to, bytes);
	return to;
}

/* The entry is taken out before the call, since another thread may get the
 * address the moment the block moves; a failed call leaves the block alive and
 * puts it back. */
void *heap_realloc(void *block, size_t bytes)
{
	struct thread_tls *tls = &thread_tls;
	const struct thread_state *t;
	uint64_t address = (uint64_t)(uintptr_t)block, id = 0, old;
	void *to;
	int saved;

	if (block && real_is_bootstrap(block))
		return realloc_bootstrap(block, bytes);
	if (block && !tls->busy && state_phase() == STATE_ON && live_maybe(address)) {
		tls->busy++;
		if (state_recording())
			id = live_take(address);
		tls->busy--;
	}
	heap_before();
	to = real.realloc(block, bytes);
	saved = errno;
	if (id) {
		tls->busy++;
		if (!to && bytes)
			live_put(address, id, &old);
		else if (state_recording() && (t = thread_self()))
			record_free(t, id);
		tls->busy--;
	}
	errno = saved;
	heap_after(to, bytes);
	return to;
}

/* Sites already recorded, by return address: open addressing, lock-free, full
 * when it is full. */
#define SITES 1024u
#define SITES_PER_SECOND 1000u

static bool site_is_new(uint64_t pc)
{
	static _Atomic uint64_t sites[SITES];
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

void heap_record_creation(uint64_t pc)
{
	const struct thread_state *t;
	struct ring_event *e;

	if (!site_is_new(pc) || !state_recording() || !(t = thread_self()))
		return;
	e = within_rate() ? capture_here(t, RING_CREATE) : NULL;
	if (!e) {
		stats_lose(PROF_LOSS_CREATION_STACK, 1);
		return;
	}
	e->block = pc;
	ring_commit(e);
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
		*why = "heap not visible: the program defines malloc";
		engine = STATE_HEAP_OFF;
	} else if (config.heap == CONFIG_HEAP_TOTALS) {
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
