/* SPDX-License-Identifier: Apache-2.0
 *
 * live.c - see live.h.  Called from the slow paths of the allocation hooks, on any
 * thread, with signals open: a handler may leave any of these functions half way and
 * for ever.  So nothing here waits for anybody: a slot is taken and given back by one
 * atomic change each, and what is left behind is at worst a slot or a filter's cell
 * that stays taken.  Only the growth of the filter by hash, which one thread does at a
 * time while the others go on, is behind a guard.
 */
#include "live.h"

#include <errno.h>

#include "apart.h"
#include "guard.h"
#include "live_table.h"
#include "lock.h"
#include "sys.h"

#define FILTER_FIRST_BITS 14u
#define FILTER_MAX_BITS 28u
#define FILTERS ((FILTER_MAX_BITS - FILTER_FIRST_BITS) / 2 + 1)
#define FILTER_FULL_PER_CELLS 50u /* grow past one entry in 50 cells: 2 % */

/* Filter k has FILTER_FIRST_BITS + 2k bits; there is no filter 0: while blocks are few, one
 * look at their table is as good.  An id's upper bits hold the number of the last filter that
 * counts its block: from which its end is to be taken off. */
#define ID_BITS 60u
#define ID_MASK ((UINT64_C(1) << ID_BITS) - 1)

#define PAGE_CELLS 4096u
#define NEAR_PAGES (LIVE_NEAR_CELLS / PAGE_CELLS)

/* On pages of its own: a child drops them, but those that hold pinned blocks. */
APART _Atomic uint8_t live_near[LIVE_NEAR_CELLS];
static _Atomic bool near_touched[NEAR_PAGES], near_pinned[NEAR_PAGES];

static _Atomic uint8_t *filters[FILTERS];
static _Atomic uint32_t in_force; /* filter: the one to be asked */
static _Atomic uint32_t newest;	  /* ahead of in_force while that one is filled */

static struct lock growing;
static _Atomic uint64_t entries; /* about: see count_entry */
static _Atomic bool used;	 /* something has been put in */
static _Atomic uint64_t filter_bytes;
static _Atomic bool filter_stuck; /* no memory for a larger one: stay with this */

static uint32_t filter_bits(uint32_t k)
{
	return FILTER_FIRST_BITS + 2 * k;
}

static _Atomic uint8_t *filter_cell(uint32_t k, uint64_t address)
{
	return filters[k] + ((address ^ address >> 29) * LIVE_HASH_FACTOR >> (64 - filter_bits(k)));
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

static void near_add(uint64_t address, int by)
{
	uint32_t i = live_near_index(address);

	cell_add(&live_near[i], by);
	if (!atomic_load_explicit(&near_touched[i / PAGE_CELLS], memory_order_relaxed))
		atomic_store_explicit(&near_touched[i / PAGE_CELLS], true, memory_order_relaxed);
}

static void filter_add(uint32_t k, uint64_t address, int by)
{
	if (k)
		cell_add(filter_cell(k, address), by);
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
		filter_add(to, address, 1);
		if (atomic_compare_exchange_strong(p->id, &id,
						   (id & ID_MASK) | (uint64_t)to << ID_BITS))
			return;
		filter_add(to, address, -1);
	}
}

/* Unless it is there: a forked child has its parent's. */
static bool filter_make(uint32_t k)
{
	if (!filters[k])
		filters[k] = sys_map((size_t)1 << filter_bits(k));
	return filters[k] != NULL;
}

/* Behind a guard, with growing held.  Old filters are left mapped: a thread may be about
 * to read one.  Each is a quarter of the next, so all of them together are a third of the
 * last.  Who remembers a block meanwhile stores its id, then looks for the newest filter;
 * here the newest is stored, then the ids are looked at: one of the two sees the other. */
static void filter_grow(void)
{
	uint32_t next = atomic_load(&newest) + 1;

	if (next == FILTERS || !filter_make(next)) {
		atomic_store(&filter_stuck, true);
		return;
	}
	atomic_store(&newest, next);
	live_table_each(count_in, next);
	atomic_fetch_add(&filter_bytes, UINT64_C(1) << filter_bits(next));
	atomic_store(&in_force, next); /* seen by whoever gets a block sampled after it */
}

static bool is_crowded(void)
{
	uint32_t k = atomic_load_explicit(&in_force, memory_order_relaxed);

	return atomic_load_explicit(&entries, memory_order_relaxed) >
	       (UINT64_C(1) << filter_bits(k)) / FILTER_FULL_PER_CELLS;
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
	/* acquire: pairs with filter_grow's store */
	uint32_t k = atomic_load_explicit(&in_force, memory_order_acquire);
	struct live_place p;

	return (!k || atomic_load_explicit(filter_cell(k, address), memory_order_relaxed)) &&
	       live_table_find(address, &p);
}

/* One address in 16 is counted, for all of them: a word that each thread changes with every
 * sampled block is on its way between CPUs most of the time.  Not below 0: in a child forked in
 * between, all were forgotten. */
static void count_entry(uint64_t address, bool more)
{
	const uint64_t part = 16;
	uint64_t n;

	if ((address >> 4) * LIVE_HASH_FACTOR >> 32 & (part - 1))
		return;
	n = atomic_load_explicit(&entries, memory_order_relaxed);
	while ((more || n) &&
	       !atomic_compare_exchange_weak_explicit(&entries, &n, more ? n + part : n - part,
						      memory_order_relaxed, memory_order_relaxed))
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
	near_add(address, -1);
	filter_add(counted_in(id), address, -1);
	count_entry(address, false);
	return id & ID_MASK;
}

static void note_use(void)
{
	if (!atomic_load_explicit(&used, memory_order_relaxed))
		atomic_store_explicit(&used, true, memory_order_relaxed);
}

int live_put(uint64_t address, uint64_t id, uint64_t *old)
{
	struct live_place p;
	uint32_t k, seen;

	*old = 0;
	note_use();
	live_keep_sparse();
	if (live_maybe(address) && live_table_find(address, &p))
		*old = take(&p, address);
	/* First counted, so that no block is there uncounted. */
	k = atomic_load(&in_force);
	near_add(address, 1);
	filter_add(k, address, 1);
	if (!live_table_claim(address, &p)) {
		near_add(address, -1);
		filter_add(k, address, -1);
		return -ENOMEM;
	}
	count_entry(address, true);
	atomic_store(p.id, (id & ID_MASK) | (uint64_t)k << ID_BITS);
	do
		count_in(&p, seen = atomic_load(&newest));
	while (seen != atomic_load(&newest));
	note_use(); /* a handler may have forked in between */
	return 0;
}

uint64_t live_take(uint64_t address)
{
	struct live_place p;

	return address && live_table_find(address, &p) ? take(&p, address) : 0;
}

void live_pin(uint64_t address)
{
	atomic_store(&near_pinned[live_near_index(address) / PAGE_CELLS], true);
	near_add(address, 1);
}

static void drop(void *memory, size_t bytes)
{
	SYS_CALL(SYS_madvise, memory, bytes, MADV_DONTNEED, 0, 0, 0);
}

static void empty_filters(void)
{
	for (uint32_t k = 1; k < FILTERS && filters[k]; k++)
		drop((void *)filters[k], (size_t)1 << filter_bits(k));
	atomic_store(&in_force, 0);
	atomic_store(&newest, 0);
	atomic_store(&filter_bytes, 0);
	atomic_store(&filter_stuck, false);
}

static void empty_near(void)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i <= NEAR_PAGES; i++) {
		if (i < NEAR_PAGES && !atomic_load(&near_pinned[i])) {
			atomic_store(&near_touched[i], false);
			continue;
		}
		if (from < i)
			drop((void *)&live_near[from * PAGE_CELLS], (i - from) * PAGE_CELLS);
		from = i + 1;
	}
}

void live_reset(void)
{
	atomic_store(&growing.word, 0);
	/* Nothing to clear: a fork should not touch the pages. */
	if (!atomic_exchange(&used, false))
		return;
	live_table_empty();
	empty_filters();
	empty_near();
	atomic_store(&entries, 0);
}

uint64_t live_bytes(void)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < NEAR_PAGES; i++)
		pages += atomic_load_explicit(&near_touched[i], memory_order_relaxed);
	return pages * PAGE_CELLS + atomic_load(&filter_bytes) + live_table_bytes();
}
