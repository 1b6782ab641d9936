/* SPDX-License-Identifier: Apache-2.0
 *
 * live.c - see live.h.  Called from the slow paths of the allocation hooks,
 * on any thread.  What takes a lock is called behind a guard (guard.h), so it is
 * neither re-entered on one thread nor left half done.
 */
#include "live.h"

#include <errno.h>

#include "lock.h"
#include "table.h"

#define LIVE_SHARDS 16u
#define FILTER_FIRST_BITS 14u
#define FILTER_MAX_BITS 28u
#define FILTER_FULL_PER_CELLS 50u /* grow past one entry in 50 cells: 2 % */

/* Entries by address; a shard's lock also guards the filter counts of its
 * entries.  Growing the filter takes all locks, in order.  live_has reads without
 * the lock: changes is odd while the table is being changed. */
static struct live_shard {
	struct lock lock;
	_Atomic uint32_t changes;
	struct table ids;
} __attribute__((aligned(64))) shards[LIVE_SHARDS];

static _Alignas(64) uint8_t first_filter[(1u << FILTER_FIRST_BITS) + 64];
_Atomic(uint8_t *) live_filter = first_filter + (64 - FILTER_FIRST_BITS);

static uint8_t *grown[(FILTER_MAX_BITS - FILTER_FIRST_BITS) / 2]; /* later filters, by size */

static _Atomic uint64_t entries;
static _Atomic uint64_t filter_bytes = sizeof(first_filter);
static _Atomic bool filter_stuck; /* no memory for a larger one: stay with this */

/* Pinned addresses are few; they are re-entered when the filter grows. */
#define PINNED_MAX 1024u
static _Atomic uint64_t pinned[PINNED_MAX];
static _Atomic uint32_t pinned_count;

static struct live_shard *shard_of(uint64_t address)
{
	return &shards[address * LIVE_HASH_FACTOR >> 60];
}

/* Counters stick at 255: a cell that ever got there stays set. */
static void filter_add(uint8_t *filter, uint64_t address)
{
	_Atomic uint8_t *cell = live_cell(filter, address);
	uint8_t n = atomic_load_explicit(cell, memory_order_relaxed);

	while (n != 255 &&
	       !atomic_compare_exchange_weak_explicit(cell, &n, (uint8_t)(n + 1),
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static void filter_sub(uint8_t *filter, uint64_t address)
{
	_Atomic uint8_t *cell = live_cell(filter, address);
	uint8_t n = atomic_load_explicit(cell, memory_order_relaxed);

	while (n != 255 && n &&
	       !atomic_compare_exchange_weak_explicit(cell, &n, (uint8_t)(n - 1),
						      memory_order_relaxed, memory_order_relaxed))
		;
}

static void lock_all(void)
{
	for (unsigned i = 0; i < LIVE_SHARDS; i++)
		lock_take(&shards[i].lock);
}

static void drop_all(void)
{
	for (unsigned i = LIVE_SHARDS; i--;)
		lock_drop(&shards[i].lock);
}

static void filter_add_pinned(uint8_t *filter)
{
	uint32_t n = atomic_load(&pinned_count);

	for (uint32_t i = 0; i < n && i < PINNED_MAX; i++)
		if (atomic_load(&pinned[i]))
			filter_add(filter, atomic_load(&pinned[i]));
}

/* Old filters are left mapped: a thread may be about to read one.  Each is a
 * quarter of the next, so all of them together are a third of the last. */
static void filter_grow(void)
{
	uint8_t *old, *bigger;
	unsigned bits;

	lock_all();
	old = atomic_load_explicit(&live_filter, memory_order_relaxed);
	bits = 64 - ((uintptr_t)old & 63);
	if (atomic_load(&entries) <= (UINT64_C(1) << bits) / FILTER_FULL_PER_CELLS)
		goto out; /* another thread has done it */
	bits += 2;
	bigger = bits > FILTER_MAX_BITS ? NULL : sys_map(((size_t)1 << bits) + 64);
	if (!bigger) {
		atomic_store(&filter_stuck, true);
		goto out;
	}
	bigger += 64 - bits;
	for (unsigned i = 0; i < LIVE_SHARDS; i++)
		for (uint32_t k = 0; k < shards[i].ids.capacity; k++)
			if (shards[i].ids.slots[k].key)
				filter_add(bigger, shards[i].ids.slots[k].key);
	filter_add_pinned(bigger);
	atomic_fetch_add(&filter_bytes, (UINT64_C(1) << bits) + 64);
	/* Relaxed is enough for readers: a block sampled after this store is
	 * passed on by the program with a release of its own. */
	atomic_store(&live_filter, bigger);
	/* Once more: who pins takes no lock, and either sees this filter or is seen here
	 * (both sides store, then load, in one order for all). */
	filter_add_pinned(bigger);
	grown[(bits - FILTER_FIRST_BITS) / 2 - 1] = bigger;
out:
	drop_all();
}

static void filter_keep_sparse(void)
{
	uint8_t *f = atomic_load_explicit(&live_filter, memory_order_relaxed);
	uint64_t cells = UINT64_C(1) << (64 - ((uintptr_t)f & 63));

	if (atomic_load_explicit(&entries, memory_order_relaxed) > cells / FILTER_FULL_PER_CELLS &&
	    !atomic_load_explicit(&filter_stuck, memory_order_relaxed))
		filter_grow();
}

/* Under the shard's lock. */
static void begin_change(struct live_shard *s)
{
	atomic_fetch_add_explicit(&s->changes, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* odd is seen before what follows */
}

static void end_change(struct live_shard *s)
{
	atomic_fetch_add_explicit(&s->changes, 1, memory_order_release);
}

/* Addresses that only share a cell of the filter are most of those asked for:
 * they cost no lock. */
bool live_has(uint64_t address)
{
	struct live_shard *s = shard_of(address);
	uint32_t seen = atomic_load_explicit(&s->changes, memory_order_acquire), i, n;
	struct table_slot *slots = __atomic_load_n(&s->ids.slots, __ATOMIC_RELAXED);
	uint32_t capacity = __atomic_load_n(&s->ids.capacity, __ATOMIC_RELAXED);
	uint64_t key = 0;

	/* slots and capacity belong together, or another look under the lock is due */
	atomic_thread_fence(memory_order_acquire);
	if (seen & 1 || atomic_load_explicit(&s->changes, memory_order_relaxed) != seen)
		return true;
	i = (uint32_t)table_hash(address);
	for (n = 0; n < capacity; n++, i++) {
		key = __atomic_load_n(&slots[i & (capacity - 1)].key, __ATOMIC_RELAXED);
		if (!key || key == address)
			break;
	}
	atomic_thread_fence(memory_order_acquire);
	return (key && key == address) ||
	       atomic_load_explicit(&s->changes, memory_order_relaxed) != seen;
}

int live_put(uint64_t address, uint64_t id, uint64_t *old)
{
	struct live_shard *s = shard_of(address);
	uint64_t *known;
	int err = 0;

	*old = 0;
	filter_keep_sparse();
	lock_take(&s->lock);
	begin_change(s);
	s->ids.read_unlocked = true;
	known = table_get(&s->ids, address);
	if (known) {
		*old = *known;
		*known = id;
	} else {
		err = table_put(&s->ids, address, id);
		if (!err) {
			filter_add(atomic_load_explicit(&live_filter, memory_order_relaxed),
				   address);
			atomic_fetch_add_explicit(&entries, 1, memory_order_relaxed);
		}
	}
	end_change(s);
	lock_drop(&s->lock);
	return err;
}

uint64_t live_take(uint64_t address)
{
	struct live_shard *s = shard_of(address);
	uint64_t *known, id = 0;

	lock_take(&s->lock);
	known = address ? table_get(&s->ids, address) : NULL;
	if (known) {
		id = *known;
		begin_change(s);
		table_del(&s->ids, address);
		end_change(s);
		filter_sub(atomic_load_explicit(&live_filter, memory_order_relaxed), address);
		atomic_fetch_sub_explicit(&entries, 1, memory_order_relaxed);
	}
	lock_drop(&s->lock);
	return id;
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

void live_reset(void)
{
	uint8_t *filter = first_filter + (64 - FILTER_FIRST_BITS);
	bool clean = !atomic_load(&entries) && atomic_load(&live_filter) == filter;

	/* A lock may have been held by a thread that the child does not have. */
	for (unsigned i = 0; i < LIVE_SHARDS && clean; i++)
		clean = atomic_load(&shards[i].lock.word) == 0 && !shards[i].ids.capacity;

	if (clean)
		return; /* nothing to clear: a fork should not touch the pages */
	memset(shards, 0, sizeof(shards));
	for (unsigned i = 0; i < sizeof(grown) / sizeof(*grown) && grown[i]; i++) {
		unsigned bits = FILTER_FIRST_BITS + 2 * (i + 1);

		sys_unmap(grown[i] - (64 - bits), ((size_t)1 << bits) + 64);
		grown[i] = NULL;
	}
	memset(first_filter, 0, sizeof(first_filter));
	filter_add_pinned(filter);
	atomic_store(&live_filter, filter);
	atomic_store(&entries, 0);
	atomic_store(&filter_bytes, sizeof(first_filter));
	atomic_store(&filter_stuck, false);
}

uint64_t live_bytes(void)
{
	uint64_t bytes = atomic_load(&filter_bytes);

	for (unsigned i = 0; i < LIVE_SHARDS; i++)
		bytes += table_bytes(&shards[i].ids);
	return bytes;
}
