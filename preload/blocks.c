/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.c - see blocks.h.  A dense array, and a table from id to place.
 */
#include "blocks.h"

#include "table.h"

#define BLOCKS_FIRST 1024u

static struct block *blocks;
static uint32_t count, capacity;
static struct table places; /* id -> index + 1 */

void blocks_init(void)
{
	blocks = NULL;
	count = capacity = 0;
	memset(&places, 0, sizeof(places));
}

static bool grow(void)
{
	uint32_t bigger = capacity ? 2 * capacity : BLOCKS_FIRST;
	struct block *to = sys_map_unforked((size_t)bigger * sizeof(*to));

	if (!to)
		return false;
	if (blocks) {
		memcpy(to, blocks, (size_t)count * sizeof(*to));
		sys_unmap(blocks, (size_t)capacity * sizeof(*to));
	}
	blocks = to;
	capacity = bigger;
	return true;
}

bool blocks_add(const struct block *b)
{
	if ((count == capacity && !grow()) || table_put(&places, b->id, count + 1u))
		return false;
	blocks[count++] = *b;
	return true;
}

bool blocks_remove(uint64_t id)
{
	uint64_t *place = table_get(&places, id);
	uint32_t i;

	if (!place)
		return false;
	i = (uint32_t)*place - 1;
	table_del(&places, id);
	if (i != --count) {
		blocks[i] = blocks[count];
		*table_get(&places, blocks[i].id) = i + 1u;
	}
	return true;
}

uint32_t blocks_count(void)
{
	return count;
}

const struct block *blocks_at(uint32_t i)
{
	return &blocks[i];
}

void blocks_renumber(uint32_t (*keep)(uint32_t node))
{
	for (uint32_t i = 0; i < count; i++)
		blocks[i].node = keep(blocks[i].node);
}

uint64_t blocks_bytes(void)
{
	return (uint64_t)capacity * sizeof(*blocks) + table_bytes(&places);
}
