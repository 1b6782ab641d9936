/* SPDX-License-Identifier: Apache-2.0
 *
 * w_first_alloc.c - memory before main and after it: constructors of every
 * priority allocate by an entry each, main frees what they made, destructors
 * allocate again.  Every block is checked for alignment and content.
 *
 *	early BLOCKS wrong COUNT     late BLOCKS
 */
#include "work.h"

#include <malloc.h>
#include <string.h>

static void *blocks[8];
static unsigned count, wrong;

static void note(void *p, size_t align)
{
	wrong += !p || (uintptr_t)p % align || malloc_usable_size(p) < 100;
	if (p)
		memset(p, 0x5a, malloc_usable_size(p));
	blocks[count++] = p;
}

static __attribute__((constructor(101))) void first(void)
{
	note(memalign(256, 100), 256);
	note(aligned_alloc(64, 128), 64);
}

static __attribute__((constructor(102))) void second(void)
{
	void *p = NULL;

	wrong += posix_memalign(&p, 4096, 100) != 0;
	note(p, 4096);
	note(calloc(10, 10), 16);
}

static __attribute__((constructor)) void third(void)
{
	note(valloc(100), 4096);
	note(realloc(NULL, 100), 16);
}

static __attribute__((destructor)) void last(void)
{
	unsigned late = 0;

	for (int i = 0; i < 100; i++) {
		void *p = malloc(1000);

		late += p != NULL;
		free(p);
	}
	printf("late %u\n", late);
}

int main(void)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned char *p = blocks[i] = realloc(blocks[i], 2000);

		for (int b = 0; b < 100; b++)
			wrong += p[b] != 0x5a;
		free(p);
	}
	printf("early %u wrong %u\n", count, wrong);
	return wrong != 0;
}
