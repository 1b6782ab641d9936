/* SPDX-License-Identifier: Apache-2.0
 *
 * eh_bounds.h - where functions begin and end, from the unwind tables that
 * even a stripped file keeps.  They have no names, but keep code without a
 * symbol from being called by its neighbour's.  Runs in the child process.
 */
#ifndef PROF_EH_BOUNDS_H
#define PROF_EH_BOUNDS_H

#include <glib.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct eh_range {
	uint64_t start, end;
};

/* All FDEs, sorted by start. */
struct eh_bounds {
	GArray *ranges; /* of struct eh_range */
};

/* Reads .eh_frame of elf, through its section or, without section headers,
 * through PT_GNU_EH_FRAME.  Entries that make no sense are left out. */
void eh_bounds_init(struct eh_bounds *b, Elf *elf);

/* The function around address. */
bool eh_bounds_find(const struct eh_bounds *b, uint64_t address, struct eh_range *range);

/* The lowest start above address; UINT64_MAX when there is none. */
uint64_t eh_bounds_next(const struct eh_bounds *b, uint64_t address);

#endif
