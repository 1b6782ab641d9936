/* SPDX-License-Identifier: Apache-2.0
 *
 * test_blocks.c - the writer's list of live sampled blocks against an array
 * that knows the truth.
 *
 * links: preload/blocks.c
 */
#include "../../preload/blocks.h"

#include "../check.h"

#define IDS 5000u

static uint8_t alive[IDS + 1];

/* Each live block is there once, with what it was added with. */
static void matches(uint32_t wanted)
{
	uint8_t seen[IDS + 1] = { 0 };

	EQ(blocks_count(), wanted);
	for (uint32_t i = 0; i < blocks_count(); i++) {
		const struct block *b = blocks_at(i);

		TRUE(b->id >= 1 && b->id <= IDS && alive[b->id] && !seen[b->id]);
		seen[b->id] = 1;
		EQ(b->size, b->id * 3);
		EQ(b->t_ns, b->id + 7);
		EQ(b->thread, b->id % 5);
		EQ(b->node, b->id % 11);
	}
}

TEST(random_history)
{
	uint64_t rnd = 88172645463325252u;
	uint32_t live = 0;

	blocks_init();
	for (uint32_t round = 0; round < 200000; round++) {
		uint64_t id;

		rnd = rnd * UINT64_C(6364136223846793005) + 1442695040888963407u;
		id = 1 + (rnd >> 33) % IDS;
		if (alive[id]) {
			EQ(blocks_remove(id), true);
			alive[id] = 0;
			live--;
		} else {
			const struct block b = { .id = id,
						 .t_ns = id + 7,
						 .size = id * 3,
						 .thread = (uint32_t)(id % 5),
						 .node = (uint32_t)(id % 11) };

			EQ(blocks_remove(id), false);
			EQ(blocks_add(&b), true);
			alive[id] = 1;
			live++;
		}
		if (round % 20000 == 0)
			matches(live);
	}
	matches(live);
}

TEST(init_forgets)
{
	const struct block b = { .id = 1, .t_ns = 2, .size = 3, .thread = 4, .node = 5 };

	blocks_init();
	EQ(blocks_count(), 0);
	EQ(blocks_add(&b), true);
	TRUE(blocks_bytes() > 0);
	blocks_init();
	EQ(blocks_count(), 0);
	EQ(blocks_remove(1), false);
}
