/* SPDX-License-Identifier: Apache-2.0
 *
 * depth.c - computes at the end of a chain of calls without frame pointers.
 * Arguments: depth (40), rounds (700), each about a millisecond.
 *
 *	depth N CPU_NS
 */
#include "../../tests/work/work.h"

static FRAME void compute(uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		work_spin(800000);
}

static FRAME void descend(uint64_t depth, uint64_t rounds)
{
	if (depth)
		descend(depth - 1, rounds);
	else
		compute(rounds);
	STAY;
}

int main(int argc, char **argv)
{
	uint64_t depth = work_arg(argc, argv, 1, 40);

	descend(depth, work_arg(argc, argv, 2, 700));
	printf("depth %llu %llu\n", (unsigned long long)depth,
	       (unsigned long long)work_thread_cpu());
	return 0;
}
