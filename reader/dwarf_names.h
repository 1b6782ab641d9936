/* SPDX-License-Identifier: Apache-2.0
 *
 * dwarf_names.h - source lines and inline chains from DWARF.  A module's units
 * are listed once, by the addresses they cover; a unit is read when the first
 * address in it is asked for, a function's inline tree likewise, so that the
 * cost follows the addresses and not the size of the file.  Ask in ascending
 * order.  Runs in the child process; strings live as long as the Dwarf.
 */
#ifndef PROF_DWARF_NAMES_H
#define PROF_DWARF_NAMES_H

#include <elfutils/libdw.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* One function of a chain. */
struct dwarf_frame {
	const char *linkage_name; /* mangled; NULL: none */
	const char *name;	  /* as in the source; NULL: none */
	const char *file;	  /* NULL: unknown */
	uint32_t line;		  /* 0: unknown */
};

struct dwarf_names;

/* dwarf stays the caller's and must outlive the result. */
struct dwarf_names *dwarf_names_new(Dwarf *dwarf);

/* Appends to frames (of struct dwarf_frame) what is known at address, the
 * innermost first, inlined ones up to the function that is not.  Nothing is
 * appended when nothing is known; where only a line is, one frame without
 * names.  When the function is known, true and *start is its entry.  symbol: what the
 * symbol table calls it, NULL: nothing; of functions that a linker folded into
 * one that one is meant. */
bool dwarf_names_find(struct dwarf_names *d, uint64_t address, const char *symbol, GArray *frames,
		      uint64_t *start);

/* The name of a split unit (.dwo) that was needed so far and is not here; NULL: none. */
const char *dwarf_names_missing(const struct dwarf_names *d);

void dwarf_names_free(struct dwarf_names *d);

#endif
