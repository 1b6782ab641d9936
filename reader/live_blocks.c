/* SPDX-License-Identifier: Apache-2.0
 *
 * live_blocks.c - see live_blocks.h.  Block id 0 is an id like any other: a place
 * that is free has no entry in the table, and is not found by what is left in it.
 */
#include "live_blocks.h"

#include <stdlib.h>

static struct block *block_at(const struct live_blocks *blocks, uint32_t place)
{
	return &g_array_index(blocks->places, struct block, place);
}

struct live_blocks *live_blocks_new(void)
{
	struct live_blocks *blocks = g_new0(struct live_blocks, 1);

	blocks->places = g_array_new(FALSE, TRUE, sizeof(struct block));
	g_array_set_size(blocks->places, 1);
	id_table_init(&blocks->table);
	return blocks;
}

void live_blocks_free(struct live_blocks *blocks)
{
	if (!blocks)
		return;
	g_array_unref(blocks->places);
	id_table_fini(&blocks->table);
	g_free(blocks);
}

/* The place of a block, and where in the table that is; 0 none. */
static uint32_t block_place(const struct live_blocks *blocks, uint64_t id, uint32_t *at)
{
	uint32_t hash = id_hash(id, 0), place = id_table_first(&blocks->table, hash, at);

	while (place && block_at(blocks, place)->id != id)
		place = id_table_next(&blocks->table, hash, at);
	return place;
}

struct block *live_blocks_find(struct live_blocks *blocks, uint64_t id)
{
	uint32_t at, place = block_place(blocks, id, &at);

	return place ? block_at(blocks, place) : NULL;
}

void live_blocks_add(struct live_blocks *blocks, const struct block *block)
{
	uint32_t place = blocks->first_free;

	if (place) {
		blocks->first_free = block_at(blocks, place)->next_free;
		*block_at(blocks, place) = *block;
	} else {
		place = blocks->places->len;
		g_array_append_vals(blocks->places, block, 1);
	}
	id_table_add(&blocks->table, id_hash(block->id, 0), place);
}

void live_blocks_remove(struct live_blocks *blocks, uint64_t id)
{
	uint32_t at, place = block_place(blocks, id, &at);

	id_table_remove(&blocks->table, at);
	block_at(blocks, place)->next_free = blocks->first_free;
	blocks->first_free = place;
}

static int compare_ids(gconstpointer a, gconstpointer b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

GArray *live_blocks_ids(const struct live_blocks *blocks)
{
	GArray *ids = g_array_sized_new(FALSE, FALSE, sizeof(uint64_t), live_blocks_count(blocks));

	for (size_t i = 0; i <= blocks->table.mask; i++)
		if (blocks->table.slots[i].id)
			g_array_append_val(ids, block_at(blocks, blocks->table.slots[i].id)->id);
	g_array_sort(ids, compare_ids);
	return ids;
}
