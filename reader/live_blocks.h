/* SPDX-License-Identifier: Apache-2.0
 *
 * live_blocks.h - the sampled blocks of a process that are alive, by their ids:
 * for heap_model.c, which looks each up when it comes and when it goes.  Places of
 * blocks that are gone are used again.
 */
#ifndef PROF_LIVE_BLOCKS_H
#define PROF_LIVE_BLOCKS_H

#include <glib.h>
#include <stdint.h>

#include "id_table.h"

/* What a sampled allocation stands for; variances are those estimates'. */
struct heap_weight {
	double objects, space;
	double objects_var, space_var;
	double mean; /* bytes from sample to sample; 0: every call is recorded */
};

struct block {
	uint64_t id, t;
	struct heap_weight weight;
	uint32_t thread, stack;
	uint32_t generation; /* of the last list of live blocks it was in */
	uint32_t next_free;  /* of a place that is free */
};

struct live_blocks {
	GArray *places; /* struct block; entry 0 is empty */
	struct id_table table;
	uint32_t first_free;
};

struct live_blocks *live_blocks_new(void);
/* NULL is allowed. */
void live_blocks_free(struct live_blocks *blocks);

static inline uint32_t live_blocks_count(const struct live_blocks *blocks)
{
	return blocks->table.used;
}

/* Two steps ahead of any of the following; to leave them out is allowed. */
static inline void live_blocks_prefetch_slot(const struct live_blocks *blocks, uint64_t id)
{
	id_table_prefetch(&blocks->table, id_hash(id, 0));
}

static inline void live_blocks_prefetch(const struct live_blocks *blocks, uint64_t id)
{
	uint32_t at, place = id_table_first(&blocks->table, id_hash(id, 0), &at);
	const struct block *block;

	block = &g_array_index(blocks->places, struct block, place);
	__builtin_prefetch(block, 1);
	__builtin_prefetch(&block->next_free, 1); /* may be on the line behind it */
}

/* NULL: it is not there.  Valid until the next block is added. */
struct block *live_blocks_find(struct live_blocks *blocks, uint64_t id);
/* Takes a copy; its id is not there yet. */
void live_blocks_add(struct live_blocks *blocks, const struct block *block);
/* The id is there. */
void live_blocks_remove(struct live_blocks *blocks, uint64_t id);

/* Their ids in order, uint64_t; g_array_unref() it. */
GArray *live_blocks_ids(const struct live_blocks *blocks);

#endif
