/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h - memory for the writer: chunks of anonymous memory, handed out by
 * moving a pointer, never given back one by one.  The writer thread alone
 * uses an arena, so there are no locks; a forked child abandons its parent's
 * whole and starts its own.  Memory is zeroed and aligned to 16 bytes.
 */
#ifndef PROF_ARENA_H
#define PROF_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
	uint8_t *next, *end;
	size_t mapped_bytes; /* all that was ever mapped, for the report */
};

/* [writer] Bytes of zeroed memory, or NULL when the system has none. */
void *arena_alloc(struct arena *a, size_t bytes);

/* [writer] A copy of text in the arena, or NULL. */
char *arena_strdup(struct arena *a, const char *text);

#endif
