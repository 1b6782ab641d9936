/* SPDX-License-Identifier: Apache-2.0
 *
 * test_table.c - the preload's hash table against a plain array that knows
 * the truth.
 */
#include "../../preload/table.h"

#include "../check.h"

TEST(empty_table_has_nothing)
{
	struct table t = { 0 };

	TRUE(!table_get(&t, 1));
	TRUE(!table_del(&t, 1));
	EQ(table_bytes(&t), 0);
	table_clear(&t);
}

TEST(put_replaces)
{
	struct table t = { 0 };

	EQ(table_put(&t, 7, 1), 0);
	EQ(table_put(&t, 7, 2), 0);
	EQ(t.used, 1);
	EQ(*table_get(&t, 7), 2);
}

TEST(grows_and_keeps_everything)
{
	struct table t = { 0 };

	for (uint32_t i = 1; i <= 100000; i++)
		EQ(table_put(&t, (uint64_t)i << 4, i), 0);
	EQ(t.used, 100000);
	for (uint32_t i = 1; i <= 100000; i++) {
		TRUE(table_get(&t, (uint64_t)i << 4));
		EQ(*table_get(&t, (uint64_t)i << 4), i);
	}
	TRUE(!table_get(&t, 8));
	TRUE(t.used <= t.capacity / 4 * 3);
}

TEST(extreme_keys)
{
	struct table t = { 0 };

	EQ(table_put(&t, UINT64_MAX, UINT32_MAX), 0);
	EQ(table_put(&t, 1, 0), 0);
	EQ(*table_get(&t, UINT64_MAX), UINT32_MAX);
	EQ(*table_get(&t, 1), 0);
}

#define KEYS 3000u

static uint64_t step(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Random puts and deletions over few keys, so that chains form, wrap round
 * and are cut in the middle; the whole content is compared now and then. */
TEST(random_history_matches_array)
{
	static uint32_t truth[KEYS];
	uint64_t rnd = 88172645463325252u;
	struct table t = { 0 };
	uint32_t live = 0;

	for (uint32_t round = 0; round < 400000; round++) {
		uint32_t k = (uint32_t)(step(&rnd) % KEYS), v = round + 1;

		if (step(&rnd) & 1) {
			EQ(table_put(&t, k + 1, v), 0);
			live += !truth[k];
			truth[k] = v;
		} else {
			EQ(table_del(&t, k + 1), truth[k] != 0);
			live -= truth[k] != 0;
			truth[k] = 0;
		}
		EQ(t.used, live);
		for (uint32_t i = 0; round % 20000 == 0 && i < KEYS; i++) {
			__auto_type got = table_get(&t, i + 1);

			EQ(got ? *got : 0, truth[i]);
		}
	}
}

TEST(clear_forgets_and_keeps_memory)
{
	struct table t = { 0 };
	size_t bytes;

	for (uint32_t i = 1; i <= 1000; i++)
		EQ(table_put(&t, i, i), 0);
	bytes = table_bytes(&t);
	table_clear(&t);
	EQ(t.used, 0);
	TRUE(!table_get(&t, 5));
	EQ(table_bytes(&t), bytes);
	EQ(table_put(&t, 5, 6), 0);
	EQ(*table_get(&t, 5), 6);
}
