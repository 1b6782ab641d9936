/* SPDX-License-Identifier: Apache-2.0
 *
 * w_leak.c - a leak at the very start, then churn of changing sizes from
 * changing depths, enough to fill many segments.  Argument: calls of churn
 * (300000).
 *
 *	leak FUNCTION CALLS BYTES    churn FUNCTION CALLS BYTES
 */
#include "work.h"

#define LEAKS 64
#define LEAK_BYTES 65536

static void *volatile leaked[LEAKS];
static uint64_t churned, random_state = 88172645463325252u;

static uint64_t step(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static FRAME void leak_early(void)
{
	for (int i = 0; i < LEAKS; i++)
		leaked[i] = malloc(LEAK_BYTES);
}

static FRAME void churn_block(void)
{
	uint64_t n = 1 + step() % 100000;
	void *p = malloc(n);

	__asm__ volatile("" : "+r"(p) : : "memory");
	churned += n;
	free(p);
}

static FRAME void churn_left(int depth);

static FRAME void churn_right(int depth)
{
	if (depth <= 0)
		churn_block();
	else if (step() & 1)
		churn_left(depth - 1);
	else
		churn_right(depth - 1);
	STAY;
}

static FRAME void churn_left(int depth)
{
	if (depth <= 0)
		churn_block();
	else if (step() & 1)
		churn_left(depth - 1);
	else
		churn_right(depth - 1);
	STAY;
}

int main(int argc, char **argv)
{
	uint64_t calls = work_arg(argc, argv, 1, 300000);

	leak_early();
	for (uint64_t i = 0; i < calls; i++)
		churn_left((int)(i % 12));
	printf("leak leak_early %d %d\n", LEAKS, LEAKS * LEAK_BYTES);
	printf("churn churn_block %llu %llu\n", (unsigned long long)calls,
	       (unsigned long long)churned);
	return 0;
}
