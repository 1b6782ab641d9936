/* SPDX-License-Identifier: Apache-2.0
 *
 * live_table.c - see live_table.h.
 */
#include "live_table.h"

#include <string.h>

#include "apart.h"
#include "live.h"
#include "sys.h"

/* A block is in one of two buckets of a level, which its address gives: at one half full
 * of what both hold one block in 10^7 finds no room and goes to the next level, of four
 * times the buckets.  A level stays for ever: somebody may be looking there. */
#define BUCKET_SLOTS 8u
#define LEVELS 9u
#define LEVEL_FIRST_BUCKETS 128u

struct bucket {
	_Atomic uint64_t address[BUCKET_SLOTS]; /* 0 free */
	_Atomic uint64_t id[BUCKET_SLOTS];	/* 0 on its way in or out */
};

static struct bucket first_level[LEVEL_FIRST_BUCKETS] APART;
static _Atomic(struct bucket *) levels[LEVELS] = { first_level };
static _Atomic uint32_t level_count = 1;

static uint64_t buckets_of(uint32_t level)
{
	return (uint64_t)LEVEL_FIRST_BUCKETS << 2 * level;
}

/* The n-th (0, 1) bucket of address in a level: of two independent hashes. */
static struct bucket *bucket_of(uint32_t level, uint64_t address, unsigned n)
{
	static const uint64_t factors[2] = { LIVE_HASH_FACTOR, UINT64_C(0x165667b19e3779f9) };
	uint64_t hash = (address ^ address >> 32) * factors[n] >> 32;

	return atomic_load_explicit(&levels[level], memory_order_acquire) +
	       (hash & (buckets_of(level) - 1));
}

bool live_table_find(uint64_t address, struct live_place *p)
{
	for (uint32_t level = atomic_load_explicit(&level_count, memory_order_acquire); level--;)
		for (unsigned n = 0; n < 2; n++) {
			struct bucket *b = bucket_of(level, address, n);

			for (unsigned i = 0; i < BUCKET_SLOTS; i++)
				if (atomic_load_explicit(&b->address[i], memory_order_relaxed) ==
				    address) {
					*p = (struct live_place){ &b->address[i], &b->id[i] };
					return true;
				}
		}
	return false;
}

static unsigned free_slots(const struct bucket *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		n += !atomic_load_explicit(&b->address[i], memory_order_relaxed);
	return n;
}

static bool claim_in(struct bucket *b, uint64_t address, struct live_place *p)
{
	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t empty = 0;

		/* acquire: who gave the slot back had done with its id */
		if (atomic_compare_exchange_strong_explicit(&b->address[i], &empty, address,
							    memory_order_acquire,
							    memory_order_relaxed)) {
			*p = (struct live_place){ &b->address[i], &b->id[i] };
			return true;
		}
	}
	return false;
}

static bool add_level(uint32_t level)
{
	size_t bytes = buckets_of(level) * sizeof(struct bucket);
	struct bucket *none = NULL, *more;

	if (level == LEVELS)
		return false;
	if (!atomic_load(&levels[level])) {
		more = sys_map(bytes);
		if (!more)
			return false;
		if (!atomic_compare_exchange_strong(&levels[level], &none, more))
			sys_unmap(more, bytes);
	}
	atomic_compare_exchange_strong(&level_count, &level, level + 1);
	return true;
}

bool live_table_claim(uint64_t address, struct live_place *p)
{
	for (;;) {
		uint32_t count = atomic_load_explicit(&level_count, memory_order_acquire);
		struct bucket *a = bucket_of(count - 1, address, 0);
		struct bucket *b = bucket_of(count - 1, address, 1);

		if (free_slots(a) >= free_slots(b)
			    ? claim_in(a, address, p) || claim_in(b, address, p)
			    : claim_in(b, address, p) || claim_in(a, address, p))
			return true;
		if (!add_level(count))
			return false;
	}
}

void live_table_empty(void)
{
	memset(first_level, 0, sizeof(first_level));
	for (uint32_t level = 1; level < LEVELS && atomic_load(&levels[level]); level++)
		SYS_CALL(SYS_madvise, atomic_load(&levels[level]),
			 buckets_of(level) * sizeof(struct bucket), MADV_DONTNEED, 0, 0, 0);
	atomic_store(&level_count, 1);
}

void live_table_each(void (*take)(const struct live_place *p, uint32_t arg), uint32_t arg)
{
	for (uint32_t level = 0; level < atomic_load(&level_count); level++)
		for (uint64_t k = 0; k < buckets_of(level); k++)
			for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
				struct bucket *b = &atomic_load(&levels[level])[k];

				take(&(struct live_place){ &b->address[i], &b->id[i] }, arg);
			}
}

uint64_t live_table_bytes(void)
{
	uint64_t bytes = 0;

	for (uint32_t level = 0; level < atomic_load(&level_count); level++)
		bytes += buckets_of(level) * sizeof(struct bucket);
	return bytes;
}
