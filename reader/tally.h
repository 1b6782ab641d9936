/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.h - samples and allocations added up by thread and stack, beside the reading:
 * rows are handed in by the thread that reads, and are looked up and added by one of
 * the tally's own, for that is half of a large trace's work.  It starts when there are
 * many.  Rows of a kind are added in their order, so that sums are the same each time.
 */
#ifndef PROF_TALLY_H
#define PROF_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "live_blocks.h"
#include "profile_tables.h"

struct tally; /* opaque */

struct tally_sum {
	uint32_t thread, stack;
	uint64_t cpu, samples; /* samples 0: a free place of the table */
};

/* room: sums it may have; what comes after is left out. */
struct tally *tally_new(uint64_t room);

/* What an allocation adds to the cell of its thread and stack. */
static inline void tally_add_weight(struct cell *cell, const struct heap_weight *weight)
{
	cell->alloc_n++;
	cell->alloc_objects += weight->objects;
	cell->alloc_space += weight->space;
	cell->alloc_objects_var += weight->objects_var;
	cell->alloc_space_var += weight->space_var;
	cell->heap_mean = MAX(cell->heap_mean, weight->mean);
}

/* One sampled allocation. */
void tally_alloc(struct tally *tally, uint32_t thread, uint32_t stack,
		 const struct heap_weight *weight);

/* One sample. */
void tally_add(struct tally *tally, uint32_t thread, uint32_t stack, uint64_t cpu);

/* Hands out all sums, of samples through sum, in order of thread and stack, of
 * allocations as cells, in the order of their first, and ends tally.  False: there was no room for some. */
bool tally_end(struct tally *tally, void (*sum)(void *arg, const struct tally_sum *sum),
	       void (*cell)(void *arg, const struct cell *cell), void *arg);

#endif
