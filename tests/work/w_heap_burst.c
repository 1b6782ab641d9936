/* SPDX-License-Identifier: Apache-2.0
 *
 * w_heap_burst.c - a rush of allocations, and what is allocated right after it.
 *
 *	site FUNCTION CALLS BYTES
 */
#include "work.h"

#define RUSH 470u
#define RUSH_BYTES 1000000u
#define AFTER 100u
#define AFTER_BYTES 400000u

static FRAME void rush(void)
{
	for (unsigned i = 0; i < RUSH; i++) {
		void *p = malloc(RUSH_BYTES);
		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
	STAY;
}

static FRAME void after(void)
{
	for (unsigned i = 0; i < AFTER; i++) {
		void *p = malloc(AFTER_BYTES);
		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
	STAY;
}

int main(void)
{
	rush();
	after();
	printf("site rush %u %u\nsite after %u %u\n", RUSH, RUSH * RUSH_BYTES, AFTER,
	       AFTER * AFTER_BYTES);
	return 0;
}
