/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c - see arena.h.
 */
#include "arena.h"

#include <string.h>

#include "sys.h"

#define ARENA_CHUNK_BYTES (256u << 10)
#define ARENA_ALIGN 16u

void *arena_alloc(struct arena *a, size_t bytes)
{
	size_t need = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);

	if (need < bytes)
		return NULL;
	if (need > (size_t)(a->end - a->next)) {
		size_t chunk = need > ARENA_CHUNK_BYTES ? need : ARENA_CHUNK_BYTES;
		uint8_t *p = sys_map_unforked(chunk);

		if (!p)
			return NULL;
		a->mapped_bytes += chunk;
		/* A large block of its own leaves the current chunk in use. */
		if (need > ARENA_CHUNK_BYTES / 4)
			return p;
		a->next = p;
		a->end = p + chunk;
	}
	a->next += need;
	return a->next - need;
}

char *arena_strdup(struct arena *a, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = arena_alloc(a, n);

	return copy ? memcpy(copy, text, n) : NULL;
}
