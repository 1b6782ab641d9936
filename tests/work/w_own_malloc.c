/* SPDX-License-Identifier: Apache-2.0
 *
 * w_own_malloc.c - carries a malloc of its own, as programs with a static
 * allocator do: its heap cannot be seen from outside.
 *
 *	own CALLS
 */
#include "work.h"

#include <string.h>

static char pool[32 << 20] __attribute__((aligned(64)));
static size_t used;
static unsigned long calls;

void *malloc(size_t n)
{
	size_t at = __atomic_fetch_add(&used, (n + 63) & ~(size_t)63, __ATOMIC_RELAXED);

	calls++;
	return at + n > sizeof(pool) ? NULL : pool + at;
}

void free(void *p)
{
	(void)p;
}

void *calloc(size_t n, size_t m)
{
	return malloc(n * m);
}

void *realloc(void *p, size_t n)
{
	void *q = malloc(n);

	return p && q ? memcpy(q, p, n) : q;
}

int main(void)
{
	for (int i = 0; i < 1000; i++) {
		void *p = malloc(1000);

		__asm__ volatile("" : "+r"(p) : : "memory");
		free(p);
	}
	work_burn(200 * MS);
	printf("own %s\n", calls >= 1000 ? "enough" : "too few");
	return 0;
}
