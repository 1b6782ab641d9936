/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_sums.h - what sampled blocks stand for, added up by thread and stack: for
 * tally.c, which makes cells of it.
 */
#ifndef PROF_HEAP_SUMS_H
#define PROF_HEAP_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "id_table.h"
#include "live_blocks.h"
#include "place_sort.h"
#include "profile_tables.h"

struct heap_sums {
	struct cell *cells;	 /* heap figures alone; entry 0 is empty */
	uint32_t len, allocated; /* entries */
	struct id_table table;
	uint64_t room; /* cells it may have */
	bool full;     /* there was no room for some */
};

void heap_sums_init(struct heap_sums *sums, uint64_t room);
/* Takes no lock but malloc's. */
void heap_sums_fini(struct heap_sums *sums);

/* One sampled allocation, or a block that is in use at the end. */
void heap_sums_add(struct heap_sums *sums, uint32_t thread, uint32_t stack,
		   const struct heap_weight *weight, bool inuse);

/* Two steps ahead of that; to leave them out is allowed. */
void heap_sums_prefetch_slot(const struct heap_sums *sums, uint32_t thread, uint32_t stack);
void heap_sums_prefetch(const struct heap_sums *sums, uint32_t thread, uint32_t stack);

/* The memory of a cell, by its index. */
void heap_sums_prefetch_cell(const struct heap_sums *sums, uint32_t index);

/* The places of all cells in order, with their indexes, and behind them one whose key is
 * UINT64_MAX; g_free() it. */
struct place *heap_sums_places(const struct heap_sums *sums);

#endif
