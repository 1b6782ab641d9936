/* SPDX-License-Identifier: Apache-2.0
 *
 * w_frames40.c - a chain of 40 functions without frame pointers, a fixed
 * amount of work at its end.  Argument: rounds (700), each about a
 * millisecond.  Also what the benchmark runs.
 *
 *	frames 40 CPU_NS
 */
#include "work.h"

static FRAME void frame_0(uint64_t n)
{
	work_spin(n);
}

/* Each frame is of a different size, so that no rule fits two of them. */
#define LINK(this, next, bytes)                               \
	static FRAME void frame_##this(uint64_t n)            \
	{                                                     \
		char pad[bytes];                              \
		__asm__ volatile("" : : "r"(pad) : "memory"); \
		frame_##next(n);                              \
		STAY;                                         \
	}
/* clang-format off */
LINK(1, 0, 8) LINK(2, 1, 24) LINK(3, 2, 40) LINK(4, 3, 56) LINK(5, 4, 72)
LINK(6, 5, 16) LINK(7, 6, 32) LINK(8, 7, 48) LINK(9, 8, 64) LINK(10, 9, 80)
LINK(11, 10, 8) LINK(12, 11, 24) LINK(13, 12, 40) LINK(14, 13, 56) LINK(15, 14, 72)
LINK(16, 15, 16) LINK(17, 16, 32) LINK(18, 17, 48) LINK(19, 18, 64) LINK(20, 19, 80)
LINK(21, 20, 8) LINK(22, 21, 24) LINK(23, 22, 40) LINK(24, 23, 56) LINK(25, 24, 72)
LINK(26, 25, 16) LINK(27, 26, 32) LINK(28, 27, 48) LINK(29, 28, 64) LINK(30, 29, 80)
LINK(31, 30, 8) LINK(32, 31, 24) LINK(33, 32, 40) LINK(34, 33, 56) LINK(35, 34, 72)
LINK(36, 35, 16) LINK(37, 36, 32) LINK(38, 37, 48) LINK(39, 38, 64)
	/* clang-format on */

	int main(int argc, char **argv)
{
	uint64_t rounds = work_arg(argc, argv, 1, 700);

	for (uint64_t i = 0; i < rounds; i++)
		frame_39(800000);
	printf("frames 40 %llu\n", (unsigned long long)work_thread_cpu());
	return 0;
}
