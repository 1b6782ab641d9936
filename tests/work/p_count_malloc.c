/* SPDX-License-Identifier: Apache-2.0
 *
 * p_count_malloc.c - counts the calls of malloc, calloc and realloc that reach
 * it, frees too, and says so at the end; meant to be preloaded behind another
 * library, so that what that one allocates for itself is seen.
 *
 *	reached CALLS frees FREES
 *
 * flags: -shared -fPIC -fno-builtin
 */
#include "work.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t nmemb, size_t size);
void *__libc_realloc(void *block, size_t bytes);
void __libc_free(void *block);

static unsigned long calls, frees;

static void count(unsigned long *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t bytes)
{
	count(&calls);
	return __libc_malloc(bytes);
}

void *calloc(size_t nmemb, size_t size)
{
	count(&calls);
	return __libc_calloc(nmemb, size);
}

void *realloc(void *block, size_t bytes)
{
	count(&calls);
	return __libc_realloc(block, bytes);
}

void free(void *block)
{
	count(&frees);
	__libc_free(block);
}

static __attribute__((destructor)) void say(void)
{
	printf("reached %lu frees %lu\n", calls, frees);
}
