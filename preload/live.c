/* SPDX-License-Identifier: Apache-2.0
 *
 * live.c - see live.h.  Called from the slow paths of the allocation hooks, on any
 * thread, with signals open: a handler may leave any of these functions half way and
 * for ever.  So nothing here waits for anybody: a slot is taken and given back by one
 * atomic change each, and what is left behind is at worst a slot or a filter's cell
 * that stays taken.  Only the filter's growth, which one thread does at a time while
 * the others go on, is behind a guard.
 */
#include "live.h"

#include <errno.h>
#include <string.h>

#include "guard.h"
#include "live_table.h"
#include "lock.h"
#include "sys.h"

#define FILTER_FIRST_BITS 14u
#define FILTER_MAX_BITS 28u
#define FILTERS ((FILTER_MAX_BITS - FILTER_FIRST_BITS) / 2 + 1)
#define FILTER_FULL_PER_CELLS 50u /* grow past one entry in 50 cells: 2 % */

/* Filter k has FILTER_FIRST_BITS + 2k bits.  An id's upper bits hold the number of the last
 * filter that counts its block: from which its end is to be taken off. */
#define ID_BITS 60u
#define ID_MASK ((UINT64_C(1) << ID_BITS) - 1)

static _Alignas(64) uint8_t first_filter[(1u << FILTER_FIRST_BITS) + 64];
_Atomic(uint8_t *) live_filter = first_filter + (64 - FILTER_FIRST_BITS);
static uint8_t *filters[FILTERS] = { first_filter + (64 - FILTER_FIRST_BITS) };
static _Atomic uint32_t newest; /* filter; ahead of live_filter while that one is filled */

static struct lock growing;
static _Atomic uint64_t entries;
static _Atomic uint64_t filter_bytes = sizeof(first_filter);
static _Atomic bool filter_stuck; /* no memory for a larger one: stay with this */

/* Pinned addresses are few; they are re-entered when the filter grows. */
#define PINNED_MAX 1024u
static _Atomic uint64_t pinned[PINNED_MAX];
static _Atomic uint32_t pinned_count;

/* A block has a second cell, by another hash.  free's first look is at the one alone; most
 * of those that only share it end at the other, before the buckets. */
static _Atomic uint8_t *second_cell(uint8_t *filter, uint64_t address)
{
	return live_cell(filter, (address ^ address >> 29) * UINT64_C(0xc2b2ae3d27d4eb4f));
}

/* Counters stick at 255: a cell that ever got there stays set. */
static void cell_add(_Atomic uint8_t *cell, int by)
{
	uint8_t n = atomic_load_explicit(cell, memory_order_relaxed);

	while (n != 255 && n + by >= 0 &&
	       !atomic_compare_exchange_weak_explicit(cell, &n, (uint8_t)(n + by),
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static void filter_add(uint8_t *filter, uint64_t address)
{
	cell_add(live_cell(filter, address), 1);
	cell_add(second_cell(filter, address), 1);
}

static void filter_sub(uint8_t *filter, uint64_t address)
{
	cell_add(live_cell(filter, address), -1);
	cell_add(second_cell(filter, address), -1);
}

static uint32_t counted_in(uint64_t id)
{
	return (uint32_t)(id >> ID_BITS);
}

/* Has the filter `to` count the block at p, unless it or a later one does. */
static void count_in(const struct live_place *p, uint32_t to)
{
	for (;;) {
		uint64_t id = atomic_load(p->id), address = atomic_load(p->address);

		/* an id is of one block alone: while it is there the address is its */
		if (!id || !address || counted_in(id) >= to)
			return;
		filter_add(filters[to], address);
		if (atomic_compare_exchange_strong(p->id, &id,
						   (id & ID_MASK) | (uint64_t)to << ID_BITS))
			return;
		filter_sub(filters[to], address);
	}
}

static void filter_add_pinned(uint8_t *filter)
{
	uint32_t n = atomic_load(&pinned_count);

	for (uint32_t i = 0; i < n && i < PINNED_MAX; i++)
		if (atomic_load(&pinned[i]))
			filter_add(filter, atomic_load(&pinned[i]));
}

static size_t filter_room(uint32_t k)
{
	return ((size_t)1 << (FILTER_FIRST_BITS + 2 * k)) + 64;
}

/* Unless it is there: a forked child has its parent's. */
static bool filter_make(uint32_t k)
{
	uint8_t *memory = filters[k] ? NULL : sys_map(filter_room(k));

	if (memory)
		filters[k] = memory + 64 - (FILTER_FIRST_BITS + 2 * k);
	return filters[k] != NULL;
}

/* Behind a guard, with growing held.  Old filters are left mapped: a thread may be about
 * to read one.  Each is a quarter of the next, so all of them together are a third of the
 * last.  Who remembers a block meanwhile stores its id, then looks for the newest filter;
 * here the newest is stored, then the ids are looked at: one of the two sees the other. */
static void filter_grow(void)
{
	uint8_t *bigger;
	uint32_t next = atomic_load(&newest) + 1;

	if (next == FILTERS || !filter_make(next)) {
		atomic_store(&filter_stuck, true);
		return;
	}
	bigger = filters[next];
	atomic_store(&newest, next);
	live_table_each(count_in, next);
	filter_add_pinned(bigger);
	atomic_fetch_add(&filter_bytes, filter_room(next));
	/* Relaxed is enough for readers: a block sampled after this store is
	 * passed on by the program with a release of its own. */
	atomic_store(&live_filter, bigger);
	/* Once more: who pins looks at the filter in force alone, and either sees this one or
	 * is seen here (both sides store, then load, in one order for all). */
	filter_add_pinned(bigger);
}

static bool is_crowded(void)
{
	uint8_t *f = atomic_load_explicit(&live_filter, memory_order_relaxed);
	uint64_t cells = UINT64_C(1) << (64 - ((uintptr_t)f & 63));

	return atomic_load_explicit(&entries, memory_order_relaxed) > cells / FILTER_FULL_PER_CELLS;
}

void live_keep_sparse(void)
{
	struct guard g;

	if (!is_crowded() || atomic_load_explicit(&filter_stuck, memory_order_relaxed))
		return;
	guard_enter(&g);
	if (lock_try(&growing)) {
		if (is_crowded())
			filter_grow();
		lock_drop(&growing);
	}
	guard_leave(&g);
}

bool live_has(uint64_t address)
{
	uint8_t *f = atomic_load_explicit(&live_filter, memory_order_relaxed);
	struct live_place p;

	return atomic_load_explicit(second_cell(f, address), memory_order_relaxed) &&
	       live_table_find(address, &p);
}

/* Not below 0: in a child forked in between, all were forgotten. */
static void count_down_entries(void)
{
	uint64_t n = atomic_load_explicit(&entries, memory_order_relaxed);

	while (n && !atomic_compare_exchange_weak_explicit(
			    &entries, &n, n - 1, memory_order_relaxed, memory_order_relaxed))
		;
}

/* Takes the block out of its place; its id, or 0 when somebody else has. */
static uint64_t take(const struct live_place *p, uint64_t address)
{
	uint64_t id = atomic_exchange(p->id, 0), expected = address;

	/* Without an id it was left by a jump on its way in or out: the slot is free again. */
	atomic_compare_exchange_strong(p->address, &expected, 0);
	if (!id)
		return 0;
	filter_sub(filters[counted_in(id)], address);
	count_down_entries();
	return id & ID_MASK;
}

int live_put(uint64_t address, uint64_t id, uint64_t *old)
{
	uint32_t counts = 0, seen;
	uint8_t *filter;
	struct live_place p;

	*old = 0;
	live_keep_sparse();
	if (live_maybe(address) && live_table_find(address, &p))
		*old = take(&p, address);
	/* The filter in force first, so that no block is there uncounted. */
	filter = atomic_load(&live_filter);
	while (filters[counts] != filter)
		counts++;
	filter_add(filter, address);
	if (!live_table_claim(address, &p)) {
		filter_sub(filter, address);
		return -ENOMEM;
	}
	atomic_fetch_add_explicit(&entries, 1, memory_order_relaxed);
	atomic_store(p.id, (id & ID_MASK) | (uint64_t)counts << ID_BITS);
	do
		count_in(&p, seen = atomic_load(&newest));
	while (seen != atomic_load(&newest));
	return 0;
}

uint64_t live_take(uint64_t address)
{
	struct live_place p;

	return address && live_table_find(address, &p) ? take(&p, address) : 0;
}

bool live_filter_pin(uint64_t address)
{
	uint32_t i = atomic_load(&pinned_count);

	do
		if (i == PINNED_MAX)
			return false;
	while (!atomic_compare_exchange_weak(&pinned_count, &i, i + 1));
	atomic_store(&pinned[i], address);
	filter_add(atomic_load(&live_filter), address);
	return true;
}

static void empty_filters(void)
{
	for (uint32_t k = 1; k < FILTERS && filters[k]; k++)
		SYS_CALL(SYS_madvise, (uintptr_t)filters[k] & ~UINT64_C(63), filter_room(k),
			 MADV_DONTNEED, 0, 0, 0);
	memset(first_filter, 0, sizeof(first_filter));
	filter_add_pinned(filters[0]);
	atomic_store(&live_filter, filters[0]);
	atomic_store(&newest, 0);
	atomic_store(&filter_bytes, sizeof(first_filter));
	atomic_store(&filter_stuck, false);
}

void live_reset(void)
{
	atomic_store(&growing.word, 0);
	/* Nothing to clear: a fork should not touch the pages. */
	if (!atomic_load(&entries) && !atomic_load(&newest))
		return;
	live_table_empty();
	empty_filters();
	atomic_store(&entries, 0);
}

uint64_t live_bytes(void)
{
	return atomic_load(&filter_bytes) + live_table_bytes();
}
