/* SPDX-License-Identifier: Apache-2.0
 *
 * w_recursion.c - a recursion of known depth with all CPU time at its
 * bottom.  Arguments: depth (100), milliseconds (300).
 *
 *	recursion DEPTH STACK_BYTES CPU_NS
 */
#include "work.h"

static char *top;
static uint64_t stack_bytes, bottom_ns;

static FRAME void bottom(uint64_t ns)
{
	char here;
	uint64_t began = work_thread_cpu();

	stack_bytes = (uint64_t)(top - &here);
	work_burn(ns);
	bottom_ns = work_thread_cpu() - began;
}

static FRAME void recurse(uint64_t depth, uint64_t ns)
{
	if (depth > 1)
		recurse(depth - 1, ns);
	else
		bottom(ns);
	STAY;
}

int main(int argc, char **argv)
{
	uint64_t depth = work_arg(argc, argv, 1, 100), ns = work_arg(argc, argv, 2, 300) * MS;
	char here;

	top = &here;
	recurse(depth, ns);
	printf("recursion %llu %llu %llu\n", (unsigned long long)depth,
	       (unsigned long long)stack_bytes, (unsigned long long)bottom_ns);
	return 0;
}
