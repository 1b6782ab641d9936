/* SPDX-License-Identifier: Apache-2.0
 *
 * pair.c - malloc and free in pairs, blocks of sizes in a fixed random order, on
 * one thread.  Arguments: pairs (20,000,000), blocks held at a time (1: each is
 * freed at once), least and most bytes (16, 527), and 1 for a batch of mallocs,
 * then a batch of frees, instead of pairs.  The loops are functions of their own,
 * so that callgrind can be told to count there and nowhere else.
 *
 *	pairs N CPU_NS
 */
#include "../../tests/work/work.h"

#define SIZES 4096u /* a power of two */
#define HELD_MAX 65536u

static uint32_t sizes[SIZES];
static void *held[HELD_MAX];

FRAME void run_pairs(uint64_t pairs, uint64_t hold)
{
	uint64_t slot = 0;

	for (uint64_t i = 0; i < pairs; i++) {
		void *p = malloc(sizes[i % SIZES]);

		__asm__ volatile("" : "+r"(p) : : "memory");
		free(held[slot]);
		held[slot] = p;
		if (++slot == hold)
			slot = 0;
	}
}

FRAME void run_mallocs(uint64_t hold)
{
	for (uint64_t i = 0; i < hold; i++)
		held[i] = malloc(sizes[i % SIZES]);
}

FRAME void run_frees(uint64_t hold)
{
	for (uint64_t i = 0; i < hold; i++) {
		free(held[i]);
		held[i] = NULL;
	}
}

static void run_apart(uint64_t pairs, uint64_t hold)
{
	for (uint64_t i = 0; i < pairs; i += hold) {
		run_mallocs(hold);
		run_frees(hold);
	}
}

int main(int argc, char **argv)
{
	uint64_t pairs = work_arg(argc, argv, 1, 20000000), hold = work_arg(argc, argv, 2, 1);
	uint64_t least = work_arg(argc, argv, 3, 16), most = work_arg(argc, argv, 4, 527);
	void (*run)(uint64_t, uint64_t) = work_arg(argc, argv, 5, 0) ? run_apart : run_pairs;
	uint64_t random = 1, start;

	if (!hold || hold > HELD_MAX || most < least)
		return 2;
	for (unsigned i = 0; i < SIZES; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		sizes[i] = (uint32_t)(least + (random >> 33) % (most - least + 1));
	}
	run(SIZES, hold); /* the allocator's first time with each size */
	start = work_thread_cpu();
	run(pairs, hold);
	printf("pairs %llu %llu\n", (unsigned long long)pairs,
	       (unsigned long long)(work_thread_cpu() - start));
	return 0;
}
