/* SPDX-License-Identifier: Apache-2.0
 *
 * w_errno.c - errno stays what it was over every successful call of the
 * malloc family and over free; failures give ENOMEM and nothing else.
 * Argument: rounds (20000).
 *
 *	errno_changed COUNT
 */
#include "work.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

static volatile size_t huge = SIZE_MAX / 2;
static unsigned long changed;

static void *kept(void *p, int wanted)
{
	changed += errno != wanted;
	errno = 77;
	return p;
}

static void release(void *p)
{
	free(p);
	kept(NULL, 77);
}

static FRAME void one_round(size_t i)
{
	void *p = NULL;

	release(kept(malloc(i % 3000), 77));
	release(kept(calloc(3, i % 500), 77));
	p = kept(malloc(10), 77);
	p = kept(realloc(p, 10 + i % 5000), 77);
	release(p);
	release(kept(aligned_alloc(64, 64 * (1 + i % 20)), 77));
	release(kept(memalign(32, 100), 77));
	release(kept(valloc(10), 77));
	release(kept(reallocarray(NULL, 3, 5), 77));
	if (posix_memalign(&p, 64, 200) == 0)
		release(kept(p, 77));
	changed += malloc_usable_size(NULL) != 0;
	release(kept(strdup("text"), 77));
	release(NULL);
}

static FRAME void failures(void)
{
	void *p = malloc(10), *q = &q, *still = p;

	__asm__ volatile("" : "+r"(still));
	errno = 77;
	release(kept(malloc(huge), ENOMEM));
	release(kept(calloc(huge, 3), ENOMEM));
	release(kept(realloc(p, huge), ENOMEM));
	release(kept(reallocarray(NULL, huge, 3), ENOMEM));
	changed += posix_memalign(&q, 3, 8) != EINVAL || q != &q;
	kept(NULL, 77);
	free(still);
}

int main(int argc, char **argv)
{
	size_t rounds = work_arg(argc, argv, 1, 20000);

	errno = 77;
	for (size_t i = 0; i < rounds; i++)
		one_round(i);
	failures();
	printf("errno_changed %lu\n", changed);
	return changed != 0;
}
