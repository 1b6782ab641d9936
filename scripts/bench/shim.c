/* SPDX-License-Identifier: Apache-2.0
 *
 * shim.c - the least that a library in front of the allocator can cost: four
 * functions that forward through a pointer and do nothing else.  Preloaded
 * by the benchmark beside ours; the difference is what our own work costs.
 */
#include <stddef.h>

#include "sleeper.h"

#define SHIM __attribute__((visibility("default")))

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t nmemb, size_t size);
extern void *__libc_realloc(void *block, size_t bytes);
extern void __libc_free(void *block);

/* Not const: as with ours, the compiler must not know where they point. */
struct shim_real {
	void *(*malloc)(size_t bytes);
	void *(*calloc)(size_t nmemb, size_t size);
	void *(*realloc)(void *block, size_t bytes);
	void (*free)(void *block);
};
__attribute__((visibility("hidden"))) struct shim_real shim_real = { __libc_malloc, __libc_calloc,
								     __libc_realloc, __libc_free };

SHIM void *malloc(size_t bytes)
{
	return shim_real.malloc(bytes);
}

SHIM void *calloc(size_t nmemb, size_t size)
{
	return shim_real.calloc(nmemb, size);
}

SHIM void *realloc(void *block, size_t bytes)
{
	return shim_real.realloc(block, bytes);
}

SHIM void free(void *block)
{
	shim_real.free(block);
}
