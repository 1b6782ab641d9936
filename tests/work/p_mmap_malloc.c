/* SPDX-License-Identifier: Apache-2.0
 *
 * p_mmap_malloc.c - an allocator that maps every block, by the mmap of whoever
 * is in force; meant to be preloaded behind another library.
 *
 * flags: -shared -fPIC -fno-builtin
 */
#include "work.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

/* Before each block: where its mapping begins, the mapping's size, the block's. */
struct head {
	char *map;
	size_t mapped, bytes;
	size_t unused;
};

void *memalign(size_t alignment, size_t bytes)
{
	size_t mapped = (bytes + alignment + sizeof(struct head) + 4095) & ~(size_t)4095;
	struct head *h;
	uintptr_t at;
	char *map;

	if (mapped < bytes) {
		errno = ENOMEM;
		return NULL;
	}
	map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	at = ((uintptr_t)map + sizeof(*h) + alignment - 1) & ~(alignment - 1);
	h = (struct head *)at - 1;
	*h = (struct head){ map, mapped, bytes, 0 };
	return (void *)at;
}

void free(void *block)
{
	struct head *h = (struct head *)block - 1;
	int saved = errno;

	if (block)
		munmap(h->map, h->mapped);
	errno = saved;
}

size_t malloc_usable_size(void *block)
{
	return block ? ((struct head *)block - 1)->bytes : 0;
}

void *malloc(size_t bytes)
{
	return memalign(32, bytes);
}

void *calloc(size_t nmemb, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(nmemb, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(bytes);
}

void *realloc(void *block, size_t bytes)
{
	size_t old = malloc_usable_size(block);
	void *to = malloc(bytes);

	if (!to || !block)
		return to;
	memcpy(to, block, old < bytes ? old : bytes);
	free(block);
	return to;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	void *p;

	if (!alignment || alignment % sizeof(void *) || alignment & (alignment - 1))
		return EINVAL;
	p = memalign(alignment, bytes);
	if (p)
		*out = p;
	return p ? 0 : ENOMEM;
}
