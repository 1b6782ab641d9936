/* SPDX-License-Identifier: Apache-2.0
 *
 * test_arena.c - the writer's memory: zeroed, aligned, never overlapping, and
 * no more of it mapped than its users asked for, within reason.
 *
 * links: preload/arena.c
 */
#include "../../preload/arena.h"

#include <stdint.h>

#include "../check.h"

TEST(zeroed_and_aligned)
{
	struct arena a = { 0 };

	for (size_t n = 1; n < 5000; n = n * 3 / 2 + 1) {
		uint8_t *p = arena_alloc(&a, n);

		TRUE(p);
		EQ((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < n; i++)
			EQ(p[i], 0);
		memset(p, 0xff, n);
	}
}

TEST(blocks_do_not_overlap)
{
	enum { BLOCKS = 20000 };
	static uint32_t *block[BLOCKS];
	struct arena a = { 0 };

	for (uint32_t i = 0; i < BLOCKS; i++) {
		size_t words = 1 + i % 77;

		block[i] = arena_alloc(&a, words * sizeof(uint32_t));
		TRUE(block[i]);
		for (size_t w = 0; w < words; w++)
			block[i][w] = i;
	}
	for (uint32_t i = 0; i < BLOCKS; i++)
		for (size_t w = 0; w < 1 + i % 77; w++)
			EQ(block[i][w], i);
}

TEST(large_block_keeps_the_chunk)
{
	struct arena a = { 0 };
	uint8_t *small = arena_alloc(&a, 16), *large, *next;

	TRUE(small);
	large = arena_alloc(&a, 3u << 20);
	TRUE(large);
	memset(large, 1, 3u << 20);
	next = arena_alloc(&a, 16);
	EQ(next - small, 16);
	TRUE(a.mapped_bytes >= (3u << 20) + 16);
	TRUE(a.mapped_bytes <= 4u << 20);
}

TEST(impossible_sizes_give_null)
{
	struct arena a = { 0 };

	TRUE(!arena_alloc(&a, SIZE_MAX));
	TRUE(!arena_alloc(&a, SIZE_MAX - 15));
	TRUE(!arena_alloc(&a, SIZE_MAX / 2));
	TRUE(arena_alloc(&a, 8));
}

TEST(strdup_copies)
{
	struct arena a = { 0 };
	char text[] = "a name";
	char *copy = arena_strdup(&a, text);

	text[0] = 'X';
	STREQ(copy, "a name");
	STREQ(arena_strdup(&a, ""), "");
}
