/* SPDX-License-Identifier: Apache-2.0
 *
 * naive_alloc.c - see naive.h.  malloc and most of its family; a block begins
 * with a header that holds its size.
 */
#include "naive.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

#define MAGIC UINT64_C(0x6e616976656e6169)

struct header {
	size_t bytes;
	uint64_t magic;
};

static void *(*real_malloc)(size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static void *(*real_memalign)(size_t, size_t); /* set by the constructor */
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

/* dlsym is known to call calloc: it gets memory from here. */
static char pool[1024];
static size_t pool_used;

void naive_resolve(void)
{
	real_malloc = dlsym(RTLD_NEXT, "malloc");
	real_realloc = dlsym(RTLD_NEXT, "realloc");
	real_free = dlsym(RTLD_NEXT, "free");
	real_mmap = dlsym(RTLD_NEXT, "mmap");
	real_memalign = dlsym(RTLD_NEXT, "__libc_memalign");
}

static bool in_pool(const void *block)
{
	return (const char *)block >= pool && (const char *)block < pool + sizeof(pool);
}

static struct header *header_of(void *block)
{
	struct header *h = (struct header *)block - 1;

	return block && h->magic == MAGIC ? h : NULL;
}

void *malloc(size_t bytes)
{
	struct header *h;

	if (!real_malloc)
		naive_resolve();
	h = real_malloc(bytes + sizeof(*h));
	if (!h)
		return NULL;
	h->bytes = bytes;
	h->magic = MAGIC;
	naive_record_alloc(h + 1, bytes);
	return h + 1;
}

void free(void *block)
{
	struct header *h;

	if (!real_free)
		naive_resolve();
	if (in_pool(block))
		return;
	h = header_of(block);
	if (h)
		h->magic = 0;
	real_free(h ? (void *)h : block);
	naive_record_free(block);
}

void *calloc(size_t nmemb, size_t size)
{
	size_t bytes = nmemb * size;
	void *block;

	if (!real_memalign) { /* the constructor has not run */
		block = pool + pool_used;
		pool_used += (bytes + 15) & ~(size_t)15;
		if (pool_used > sizeof(pool))
			abort();
		return block;
	}
	block = malloc(bytes);
	return block ? memset(block, 0, bytes) : NULL;
}

void *realloc(void *block, size_t bytes)
{
	struct header *h = header_of(block);

	if (!block)
		return malloc(bytes);
	if (!real_realloc)
		naive_resolve();
	if (!h)
		return real_realloc(block, bytes);
	naive_record_free(block);
	h = real_realloc(h, bytes + sizeof(*h));
	h->bytes = bytes;
	naive_record_alloc(h + 1, bytes);
	return h + 1;
}

void *memalign(size_t alignment, size_t bytes)
{
	void *block = real_memalign(alignment, bytes);

	naive_record_alloc(block, bytes);
	return block;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	int err = 0;

	if (alignment % sizeof(void *) || alignment & (alignment - 1))
		err = EINVAL;
	else if (!(*out = real_memalign(alignment, bytes)))
		err = ENOMEM;
	naive_record_alloc(*out, bytes);
	return err;
}

/* operator new and delete. */
void *_Znwm(size_t bytes);
void _ZdlPv(void *block);

void *_Znwm(size_t bytes)
{
	return malloc(bytes);
}

void _ZdlPv(void *block)
{
	free(block);
}

struct mapping {
	struct mapping *next;
	void *at;
	size_t bytes;
};
static struct mapping *mappings;

void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	struct mapping *m = malloc(sizeof(*m));

	if (!real_mmap)
		naive_resolve();
	m->at = real_mmap(at, bytes, prot, flags, fd, offset);
	m->bytes = bytes;
	m->next = mappings;
	mappings = m;
	return m->at;
}
