/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - the one open-addressing hash table of the preload: a non-zero
 * 64-bit key to a 64-bit value.  Linear probing, power-of-two capacity, at
 * most three quarters full, memory straight from mmap.  Not thread-safe: all are
 * the writer's alone.  A zeroed struct is an empty table, which is what a forked child has to
 * make of its copy: it does not get the memory.
 */
#ifndef PROF_TABLE_H
#define PROF_TABLE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sys.h"

struct table_slot {
	uint64_t key;
	uint64_t value;
};

struct table {
	struct table_slot *slots;
	uint32_t capacity, used;
};

#define TABLE_FIRST_CAPACITY 256u

static inline uint64_t table_hash(uint64_t key)
{
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 32;
}

/* The slot of key, or the empty one where it belongs; the table has slots. */
static inline struct table_slot *table_probe(const struct table *t, uint64_t key)
{
	uint32_t mask = t->capacity - 1;
	uint32_t i = (uint32_t)table_hash(key) & mask;

	while (t->slots[i].key && t->slots[i].key != key)
		i = (i + 1) & mask;
	return &t->slots[i];
}

/* The value slot of key, or NULL.  Valid until the next put or del. */
static inline uint64_t *table_get(const struct table *t, uint64_t key)
{
	struct table_slot *s;

	if (!t->capacity)
		return NULL;
	s = table_probe(t, key);
	return s->key ? &s->value : NULL;
}

static inline int table_grow(struct table *t)
{
	struct table bigger = { .capacity = t->capacity ? 2 * t->capacity : TABLE_FIRST_CAPACITY,
				.used = t->used };
	size_t bytes = (size_t)t->capacity * sizeof(*t->slots);

	if (!bigger.capacity)
		return -ENOMEM;
	bigger.slots = sys_map_unforked((size_t)bigger.capacity * sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->capacity; i++)
		if (t->slots[i].key)
			*table_probe(&bigger, t->slots[i].key) = t->slots[i];
	if (t->slots)
		sys_unmap(t->slots, bytes);
	*t = bigger;
	return 0;
}

/* Sets key to value, new or not.  0, or -ENOMEM and the table unchanged. */
static inline int table_put(struct table *t, uint64_t key, uint64_t value)
{
	struct table_slot *s;

	if (t->used + 1 > t->capacity / 4 * 3 && table_grow(t))
		return -ENOMEM;
	s = table_probe(t, key);
	t->used += !s->key;
	*s = (struct table_slot){ key, value };
	return 0;
}

/* Takes key out; true when it was there.  Entries behind it move up so that
 * no probe ends early (deletion without tombstones, Knuth 6.4 R). */
static inline bool table_del(struct table *t, uint64_t key)
{
	uint32_t mask = t->capacity - 1, hole, i;
	struct table_slot *s;

	if (!t->capacity || !(s = table_probe(t, key))->key)
		return false;
	hole = (uint32_t)(s - t->slots);
	for (i = (hole + 1) & mask; t->slots[i].key; i = (i + 1) & mask) {
		uint32_t home = (uint32_t)table_hash(t->slots[i].key) & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole].key = 0;
	t->used--;
	return true;
}

/* Forgets all entries and keeps the memory. */
static inline void table_clear(struct table *t)
{
	if (t->capacity)
		memset(t->slots, 0, (size_t)t->capacity * sizeof(*t->slots));
	t->used = 0;
}

static inline size_t table_bytes(const struct table *t)
{
	return (size_t)t->capacity * sizeof(*t->slots);
}

#endif
