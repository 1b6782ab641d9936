/* SPDX-License-Identifier: Apache-2.0
 *
 * id_table.h - finds the entry of an array by what makes it distinct: a table of
 * ids whose keys stay in the array, eight bytes an entry.  For what is looked up
 * for each row of a trace; GLib's tables (keys.h) serve everything else.
 *
 * The caller walks the candidates and compares:
 *
 *	for (id = id_table_first(t, hash, &at); id; id = id_table_next(t, hash, &at))
 *		if (array[id] is the one)
 *			return id;
 *	id_table_add(t, hash, new_id);
 *
 * Hashes have a secret of each run, as those of keys.h: the same remarks apply.
 */
#ifndef PROF_ID_TABLE_H
#define PROF_ID_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"

struct id_slot {
	uint32_t hash, id; /* id 0: free */
};

struct id_table {
	struct id_slot *slots;
	uint32_t mask; /* slots - 1 */
	uint32_t used;
};

void id_table_init(struct id_table *table);
/* With room for as many ids before it grows. */
void id_table_init_for(struct id_table *table, uint32_t ids);
void id_table_fini(struct id_table *table);

/* Both halves of the product: each bit of either number reaches all of them. */
static inline uint32_t id_hash(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ key_secret[0]) * (b ^ key_secret[1]);

	return (uint32_t)((uint64_t)product ^ (uint64_t)(product >> 64));
}

/* The slot of a hash is about to be looked at. */
static inline void id_table_prefetch(const struct id_table *table, uint32_t hash)
{
	__builtin_prefetch(&table->slots[hash & table->mask]);
}

/* The id at or behind *at whose hash this is; 0: there is none. */
static inline uint32_t id_table_scan(const struct id_table *table, uint32_t hash, uint32_t *at)
{
	const struct id_slot *slot = &table->slots[*at & table->mask];

	while (slot->id && slot->hash != hash)
		slot = &table->slots[++*at & table->mask];
	return slot->id;
}

static inline uint32_t id_table_first(const struct id_table *table, uint32_t hash, uint32_t *at)
{
	*at = hash;
	return id_table_scan(table, hash, at);
}

static inline uint32_t id_table_next(const struct id_table *table, uint32_t hash, uint32_t *at)
{
	++*at;
	return id_table_scan(table, hash, at);
}

/* id is not 0 and not in the table. */
void id_table_add(struct id_table *table, uint32_t hash, uint32_t id);

/* Takes out what first or next has just found at at. */
void id_table_remove(struct id_table *table, uint32_t at);

#endif
