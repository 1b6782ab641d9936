/* SPDX-License-Identifier: Apache-2.0
 *
 * dwarf_inline.h - the DIE trees behind dwarf_names: the functions of a unit
 * and what was inlined into one function.  Private to dwarf_names.c.  Runs in
 * the child process.
 */
#ifndef PROF_DWARF_INLINE_H
#define PROF_DWARF_INLINE_H

#include <elfutils/libdw.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Code of a DIE: one of its ranges. */
struct dwarf_range {
	uint64_t low, high;
	uint32_t depth; /* inlined calls around it */
	uint32_t item;	/* index into the array of what has the range */
};

/* Appends the ranges of die to ranges.  Ranges at 0, where linkers leave
 * what they have discarded, are dropped. */
void dwarf_add_ranges(GArray *ranges, Dwarf_Die *die, uint32_t item, uint32_t depth);

/* Sorts by low, then the wider first. */
void dwarf_sort_ranges(GArray *ranges);

/* Of sorted ranges, one that contains address: the one that starts last, from
 * index *at downward; *at becomes the next to try.  Start with G_MAXUINT.
 * NULL: none is left.  Gives up after a bounded number of steps. */
const struct dwarf_range *dwarf_next_range(const GArray *ranges, uint64_t address, guint *at);

/* Appends the functions with code below root to dies (of Dwarf_Die) and
 * ranges.  nested: look inside functions too. */
void dwarf_add_functions(GArray *dies, GArray *ranges, Dwarf_Die *root, bool nested);

/* An inlined call. */
struct dwarf_inlined {
	Dwarf_Die die;
	uint32_t parent; /* index of the inlined call around it; UINT32_MAX: the function */
};

/* Appends the calls inlined into function to calls (of struct dwarf_inlined)
 * and their code to ranges, in the order of the tree. */
void dwarf_add_inlined(GArray *calls, GArray *ranges, Dwarf_Die *function);

#endif
