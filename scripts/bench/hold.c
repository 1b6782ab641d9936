/* SPDX-License-Identifier: Apache-2.0
 *
 * hold.c - what a free costs while many sampled blocks are alive.  Holds blocks
 * of 256 KiB, never touched, large enough that each is sampled where the mean
 * distance is 32 KiB; then frees small blocks, the same few again and again, and
 * a million different ones.  Argument: blocks held (100).
 *
 *	hold N PAIR_NS FREE_NS		hundredths of a nanosecond each
 */
#include "../../tests/work/work.h"

#define HELD_BYTES (256u << 10)
#define PAIRS 10000000u
#define BLOCKS 1000000u
#define SMALL 24u

static uint64_t time_pairs(void)
{
	uint64_t start = work_thread_cpu();

	for (uint64_t i = 0; i < PAIRS; i++)
		work_alloc(SMALL);
	return (work_thread_cpu() - start) * 100 / PAIRS;
}

static uint64_t time_frees(void **blocks)
{
	uint64_t start;

	for (uint64_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(SMALL);
	start = work_thread_cpu();
	for (uint64_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return (work_thread_cpu() - start) * 100 / BLOCKS;
}

int main(int argc, char **argv)
{
	uint64_t held = work_arg(argc, argv, 1, 100), pair, one;
	void **blocks = calloc(BLOCKS, sizeof(*blocks));

	if (!blocks)
		return 1;
	for (uint64_t i = 0; i < held; i++) {
		void *p = malloc(HELD_BYTES);

		__asm__ volatile("" : "+r"(p) : : "memory");
		if (!p)
			return 1;
	}
	time_frees(blocks);
	work_sleep_ms(300); /* the events of all that are in the file */
	pair = time_pairs();
	one = time_frees(blocks);
	printf("hold %llu %llu %llu\n", (unsigned long long)held, (unsigned long long)pair,
	       (unsigned long long)one);
	return 0;
}
