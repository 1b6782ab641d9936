/* SPDX-License-Identifier: Apache-2.0
 *
 * test_live_blocks.c - the table of live blocks, and the table of ids under it, do
 * what a plain array of flags says: half a million seeded steps.
 *
 * links: reader/live_blocks.c reader/id_table.c reader/big_alloc.c reader/keys.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: $(pkg-config --libs glib-2.0)
 */
#include "../../reader/live_blocks.h"

#include <stdlib.h>

#undef TRUE /* GLib's; check.h has its own */
#include "../check.h"

#define IDS 20000u

static bool alive[IDS];

static void step(struct live_blocks *blocks, uint32_t id, uint64_t i)
{
	struct block block = { .id = id, .t = i }, *found = live_blocks_find(blocks, id);

	TRUE((found != NULL) == alive[id]);
	if (found) {
		EQ(found->id, id);
		live_blocks_remove(blocks, id);
	} else {
		live_blocks_add(blocks, &block);
	}
	alive[id] = !alive[id];
}

TEST(comes_and_goes)
{
	struct live_blocks *blocks = live_blocks_new();
	uint64_t n = 0, at = 0;
	GArray *ids;

	srandom(1);
	for (uint64_t i = 0; i < 500000; i++)
		step(blocks, (uint32_t)random() % IDS, i);
	for (uint32_t id = 0; id < IDS; id++)
		n += alive[id];
	EQ(live_blocks_count(blocks), n);
	ids = live_blocks_ids(blocks);
	EQ(ids->len, n);
	for (uint32_t id = 0; id < IDS; id++)
		if (alive[id])
			EQ(g_array_index(ids, uint64_t, at++), id);
	g_array_unref(ids);
	for (uint32_t id = 0; id < IDS; id++)
		if (alive[id])
			step(blocks, id, 0);
	EQ(live_blocks_count(blocks), 0);
	live_blocks_free(blocks);
}
