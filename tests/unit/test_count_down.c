/* SPDX-License-Identifier: Apache-2.0
 *
 * test_count_down.c - the countdown to the next heap sample: what passes, and what a
 * handler leaves behind that comes before the bytes are added back.
 */
#include "../../preload/thread.h"

#include "../check.h"

__thread struct thread_tls thread_tls;

TEST(passes_until_the_sample)
{
	thread_tls.countdown = 100;
	TRUE(thread_count_down(60));
	EQ(thread_tls.countdown, 40);
	TRUE(thread_count_down(39));
	TRUE(thread_count_down(0));
	TRUE(!thread_count_down(1));
	EQ(thread_tls.countdown, 1);
}

TEST(fresh_takes_the_slow_path)
{
	TRUE(!thread_count_down(0));
	TRUE(!thread_count_down(16));
	EQ(thread_tls.countdown, 0);
}

TEST(impossible_sizes_do_not_pass)
{
	thread_tls.countdown = UINT64_C(1) << 62;
	TRUE(!thread_count_down(SIZE_MAX));
	TRUE(!thread_count_down(SIZE_MAX / 2 + 1));
	TRUE(!thread_count_down(SIZE_MAX / 2));
	EQ(thread_tls.countdown, UINT64_C(1) << 62);
}

/* Jumped out of before the bytes were added back. */
TEST(below_zero_nothing_passes)
{
	thread_tls.countdown = (uint64_t)-200;
	TRUE(!thread_count_down(16));
	TRUE(!thread_count_down(0));
	EQ(thread_tls.countdown, (uint64_t)-200);
}
