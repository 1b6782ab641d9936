/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_names.h - names from ELF symbol tables.  Runs in the child process, over
 * a file and its separate debug file; strings point into those files and live
 * as long as they are open.
 *
 * A name is given only where it is true:
 * - a symbol with a size names [value, value + size), and where several
 *   contain an address, the one that starts last;
 * - a symbol without a size (assembly, start-up code) names the bytes up to
 *   the next symbol, the end of its section, or the first boundary of
 *   .eh_frame, whichever is first, and only where no sized symbol does;
 * - of several with the same range: functions before untyped labels, global
 *   before weak before local, then without a version, then without a leading
 *   underscore, then the shortest, then by alphabet.
 */
#ifndef PROF_ELF_NAMES_H
#define PROF_ELF_NAMES_H

#include <glib.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "eh_bounds.h"

struct elf_symbol {
	uint64_t start, end;
	const char *name;
	uint64_t from; /* where the symbol itself starts; start is its part's */
	uint8_t rank;  /* type, binding and version; lower is better */
};

struct elf_names {
	GArray *symbols; /* with a size, as read */
	GArray *labels;	 /* without, as read; after elf_names_finish sorted, with ends */
	GArray *spans;	 /* symbols, sorted and made disjoint by elf_names_finish */
};

void elf_names_init(struct elf_names *names);

/* Adds the functions of elf's table of this type (SHT_SYMTAB, SHT_DYNSYM).
 * Returns how many there were. */
size_t elf_names_add(struct elf_names *names, Elf *elf, GElf_Word type);

/* After the last add, before the first find. */
void elf_names_finish(struct elf_names *names, const struct eh_bounds *bounds);

/* The symbol with a size at address, or NULL. */
const struct elf_symbol *elf_names_find(const struct elf_names *names, uint64_t address);

/* The one without. */
const struct elf_symbol *elf_names_find_label(const struct elf_names *names, uint64_t address);

#endif
