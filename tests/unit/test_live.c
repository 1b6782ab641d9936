/* SPDX-License-Identifier: Apache-2.0
 *
 * test_live.c - the counters, the filter and the table of sampled blocks: never a miss,
 * seldom a false alarm, nothing left behind by what was freed.
 *
 * links: preload/live_table.c
 */
#include "../../preload/live.c" /* for its filter, which shows in nothing but time */

#include <pthread.h>

#include "../../preload/thread.h"
#include "../check.h"

#define BLOCKS 100000u

__thread struct thread_tls thread_tls;

/* As an allocator gives them: multiples of 16, close together. */
static uint64_t address(uint64_t i)
{
	return UINT64_C(0x555555560000) + i * 48 / 16 * 16;
}

static void put(uint64_t at, uint64_t id)
{
	uint64_t old = 99;

	EQ(live_put(at, id, &old), 0);
	EQ(old, 0);
}

#define NEAR_AGAIN (UINT64_C(64) << 20) /* counters are shared at this distance */

/* How many of n addresses that are no blocks free looks further at. */
static unsigned near_alarms(unsigned n)
{
	unsigned alarms = 0;

	for (uint64_t i = 1; i <= n; i++)
		alarms += live_maybe(address(i) + NEAR_AGAIN);
	return alarms;
}

TEST(empty)
{
	EQ(live_maybe(address(1)), false);
	EQ(live_take(address(1)), 0);
	EQ(live_take(0), 0);
	EQ(near_alarms(BLOCKS), 0);
}

TEST(put_and_take)
{
	put(address(1), 7);
	EQ(live_maybe(address(1)), true);
	EQ(live_take(address(2)), 0);
	EQ(live_take(address(1)), 7);
	EQ(live_take(address(1)), 0);
	EQ(live_maybe(address(1)), false);
}

TEST(left_entry_is_replaced)
{
	uint64_t old = 0;

	put(address(1), 7);
	EQ(live_put(address(1), 8, &old), 0);
	EQ(old, 7);
	EQ(live_take(address(1)), 8);
	EQ(live_maybe(address(1)), false);
}

TEST(ids_are_60_bits)
{
	put(address(1), (UINT64_C(1) << 60) - 1);
	put(address(2), UINT64_C(1) << 32);
	EQ(live_take(address(1)), (UINT64_C(1) << 60) - 1);
	EQ(live_take(address(2)), UINT64_C(1) << 32);
}

/* How many of these the filter by hash does not stop, either. */
static unsigned filter_alarms(unsigned n)
{
	unsigned alarms = 0;

	for (uint64_t i = 1; i <= n; i++)
		alarms += *filter_cell(in_force, address(i) + NEAR_AGAIN) != 0;
	return alarms;
}

/* The filter by hash grows with its content: at most 2 % of its cells in use means at most about
 * one false alarm in 50; and all of it goes away again. */
TEST(many_blocks_stay_sparse)
{
	for (uint64_t i = 1; i <= BLOCKS; i++)
		put(address(i), i);
	for (uint64_t i = 1; i <= BLOCKS; i++)
		TRUE(live_maybe(address(i)) && live_has(address(i)));
	EQ(near_alarms(BLOCKS), BLOCKS);
	for (uint64_t i = 1; i <= BLOCKS; i++)
		EQ(live_has(address(i) + NEAR_AGAIN), false);
	TRUE(filter_alarms(BLOCKS) < BLOCKS / 25);
	TRUE(live_bytes() < 64u << 20);
	for (uint64_t i = 1; i <= BLOCKS; i++)
		EQ(live_take(address(i)), i);
	EQ(near_alarms(BLOCKS), 0);
	for (uint64_t i = 1; i <= BLOCKS; i++) {
		EQ(live_maybe(address(i)), false);
		EQ(*filter_cell(in_force, address(i)), 0);
	}
}

/* A block has one counter of its own and of its neighbours in 64 bytes. */
TEST(neighbours)
{
	uint64_t at = UINT64_C(0x555555560040);

	put(at + 16, 1);
	for (uint64_t p = at - 64; p < at + 128; p += 16)
		EQ(live_maybe(p), p / 64 == at / 64);
	EQ(live_has(at), false);
	EQ(live_has(at + 16), true);
	EQ(live_take(at + 16), 1);
	EQ(live_maybe(at), false);
}

TEST(cells_do_not_wear_out)
{
	for (uint64_t round = 1; round <= 1000000; round++) {
		put(address(round % 10), round);
		EQ(live_take(address(round % 10)), round);
	}
	EQ(live_maybe(address(3)), false);
}

TEST(pins_survive_reset)
{
	uint64_t pinned = address(5 * BLOCKS);

	live_pin(pinned);
	for (uint64_t i = 1; i <= BLOCKS / 10; i++)
		put(address(i), i);
	put(pinned + 64, BLOCKS); /* on the page of the pinned one's counter */
	TRUE(live_maybe(pinned));
	live_reset();
	TRUE(live_maybe(pinned));
	EQ(live_maybe(address(1)), false);
	EQ(live_has(pinned + 64), false);
	EQ(live_take(address(1)), 0);
	put(address(1), 1);
	EQ(live_take(address(1)), 1);
}

#define THREADS 4u

/* Each keeps a window of 1000 blocks alive while the filter grows under all. */
static void *churn(void *arg)
{
	uint64_t base = (uint64_t)(uintptr_t)arg * BLOCKS, i;

	for (i = 1; i <= BLOCKS; i++) {
		uint64_t old;

		if (live_put(address(base + i), base + i, &old) || old)
			return "put";
		if (!live_maybe(address(base + i)))
			return "maybe";
		if (i > 1000 && live_take(address(base + i - 1000)) != base + i - 1000)
			return "take";
	}
	for (i = BLOCKS - 999; i <= BLOCKS; i++)
		if (live_take(address(base + i)) != base + i)
			return "last take";
	return "";
}

TEST(threads)
{
	pthread_t id[THREADS];
	void *trouble;

	for (uintptr_t t = 0; t < THREADS; t++)
		EQ(pthread_create(&id[t], NULL, churn, (void *)t), 0);
	for (unsigned t = 0; t < THREADS; t++) {
		EQ(pthread_join(id[t], &trouble), 0);
		STREQ(trouble, "");
	}
	for (uint64_t i = 1; i <= THREADS * BLOCKS; i++)
		EQ(live_maybe(address(i)), false);
}
