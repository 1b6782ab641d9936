/* SPDX-License-Identifier: Apache-2.0
 *
 * big_alloc.c - see big_alloc.h.  A part of a huge page at the end would be
 * memory for nothing: small tables are ordinary memory.
 */
#include "big_alloc.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_BYTES ((size_t)2 << 20)

void big_fill(void *memory, size_t bytes)
{
	uintptr_t from = ((uintptr_t)memory + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	uintptr_t to = ((uintptr_t)memory + bytes) & ~(HUGE_BYTES - 1);

	if (from < to)
		madvise((void *)from, to - from, MADV_HUGEPAGE);
}

void *big_alloc0(size_t bytes)
{
	void *memory = NULL;

	if (bytes % HUGE_BYTES == 0 && !posix_memalign(&memory, HUGE_BYTES, bytes)) {
		madvise(memory, bytes, MADV_HUGEPAGE);
		memset(memory, 0, bytes);
	} else {
		memory = calloc(1, bytes);
	}
	if (!memory)
		g_error("out of memory: %zu bytes", bytes);
	return memory;
}
