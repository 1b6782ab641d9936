/* SPDX-License-Identifier: Apache-2.0
 *
 * test_heap_rate.c - the distance of heap samples against rates that are known.
 *
 * links: preload/heap_rate.c
 */
#include "../../preload/heap_rate.h"

#include "../../preload/config.h"
#include "../../preload/sys.h"
#include "../check.h"

#define MS UINT64_C(1000000)

struct config config;
static uint64_t now;

static int clock_of_the_test(clockid_t clock, struct timespec *ts)
{
	(void)clock;
	ts->tv_sec = (time_t)(now / 1000000000u);
	ts->tv_nsec = (long)(now % 1000000000u);
	return 0;
}

int (*sys_vdso_clock_gettime)(clockid_t, struct timespec *) = clock_of_the_test;

static void start(uint64_t heap_bytes, uint64_t heap_hz)
{
	config.heap_bytes = heap_bytes;
	config.heap_hz = heap_hz;
	heap_rate_reset_in_child();
	now = 1000 * MS;
	heap_rate_adapt();
}

/* So many samples of the distance that is, at once, so many ms later; then the writer asks. */
static unsigned after(unsigned samples, unsigned ms)
{
	uint8_t shift = heap_rate_shift();

	now += ms * MS;
	while (samples--)
		heap_rate_count(shift);
	heap_rate_adapt();
	return heap_rate_shift();
}

TEST(within_the_limit_nothing_changes)
{
	start(512 << 10, 100);
	EQ(after(0, 200), 0);
	EQ(after(20, 200), 0);
	EQ(after(63, 630), 0);
	EQ(heap_rate_shift_most(), 0);
}

/* As often as it takes, and at the same rate no further. */
TEST(doubled_until_it_is_within)
{
	start(512 << 10, 100);
	EQ(after(21, 200), 1);
	EQ(after(19, 200), 1);
	start(512 << 10, 100);
	EQ(after(30, 159), 0); /* 16 samples by the limit are 160 ms */
	EQ(after(30, 1), 2);   /* 375 a second; 94 by a quarter */
	EQ(after(15, 200), 2);
	EQ(after(60, 160), 4);
	EQ(heap_rate_shift_most(), 4);
}

/* Hooks ask by themselves once in 64 samples. */
TEST(hooks_need_no_writer)
{
	start(512 << 10, 1000);
	now += 100 * MS;
	for (unsigned i = 0; i < 63; i++)
		heap_rate_count(0);
	EQ(heap_rate_shift(), 0);
	now -= 80 * MS;
	heap_rate_count(0);
	EQ(heap_rate_shift(), 2); /* 64 in 20 ms: 3200 a second */
}

/* A 32nd of a second's samples, and 64, in less than a look's time. */
TEST(a_rush_is_not_waited_for)
{
	start(512 << 10, 8000);
	now += 2 * MS;
	for (unsigned i = 0; i < 319; i++)
		heap_rate_count(0);
	EQ(heap_rate_shift(), 0);
	heap_rate_count(0);
	EQ(heap_rate_shift(), 5); /* 320 in 2 ms */
	now += 1;
	for (unsigned i = 0; i < 320; i++)
		heap_rate_count(0);
	EQ(heap_rate_shift(), 6); /* as if in 1 ms */
}

/* Three quarters of the limit by half the distance, or less. */
TEST(back_where_there_is_room)
{
	start(512 << 10, 40);
	EQ(after(60, 1000), 1);
	EQ(after(16, 1000), 1); /* 32 by the shorter */
	EQ(after(15, 1000), 0);
	EQ(after(60, 400), 2);
	EQ(after(0, 399), 2); /* too soon to tell */
	EQ(after(0, 1), 0);
	EQ(heap_rate_shift_most(), 2);
}

/* Samples that were drawn before the change count as what they are. */
TEST(of_an_earlier_distance)
{
	start(512 << 10, 10);
	EQ(after(40, 2000), 1);
	now += 2000 * MS;
	for (unsigned i = 0; i < 24; i++)
		heap_rate_count(0);
	for (unsigned i = 0; i < 3; i++)
		heap_rate_count(1);
	heap_rate_adapt();
	EQ(heap_rate_shift(), 1); /* 15 a second, and not 27 */
}

/* However low the limit: no more than a few, in the long run. */
TEST(the_limit_is_kept)
{
	for (unsigned hz = 1; hz <= 1000; hz *= 10) {
		uint64_t taken = 0, left = 0;

		start(512 << 10, hz);
		for (unsigned ms = 0; ms < 200000; ms++) { /* 20,000 a second by the shortest */
			now += MS;
			left += 20;
			while (left >= UINT64_C(1) << heap_rate_shift()) {
				uint8_t shift = heap_rate_shift();

				left -= UINT64_C(1) << shift;
				heap_rate_count(shift);
				taken++;
			}
			if (ms % 200 == 199)
				heap_rate_adapt();
		}
		TRUE(taken <= 200u * hz * 5 / 4 + 320);
		TRUE(taken >= 200u * hz / 4);
	}
}

TEST(no_further_than_the_most)
{
	start(512 << 10, 1);
	EQ(after(60, 1), 0);
	EQ(after(60, 20), 12); /* 64 of them in 21 ms, before the writer asks */
	EQ(after(64, 20), HEAP_RATE_SHIFT_MAX);
}

TEST(no_limit_and_every_call)
{
	start(512 << 10, 0);
	EQ(after(100000, 1000), 0);
	start(1, 1000);
	EQ(after(100000, 1000), 0);
}
