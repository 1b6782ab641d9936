/* SPDX-License-Identifier: Apache-2.0
 *
 * place_sort.h - sorts by thread and stack, for tally.c and heap_sums.c: both are
 * small numbers, so that a few passes over the bytes in which they differ are all
 * there is to do.
 */
#ifndef PROF_PLACE_SORT_H
#define PROF_PLACE_SORT_H

#include <stddef.h>
#include <stdint.h>

struct place {
	uint64_t key;
	uint32_t index; /* of what has this key */
};

static inline uint64_t place_key(uint32_t thread, uint32_t stack)
{
	return (uint64_t)thread << 32 | stack;
}

/* Keys in ascending order; equal ones keep theirs. */
void place_sort(struct place *places, size_t n);

#endif
