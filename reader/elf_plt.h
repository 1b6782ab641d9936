/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_plt.h - the names of PLT entries: stubs of a few bytes through which a
 * module calls functions of others.  They have no symbols; their name is that
 * of the relocation which fills the slot they jump through.  Runs in the child.
 */
#ifndef PROF_ELF_PLT_H
#define PROF_ELF_PLT_H

#include <gelf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "elf_names.h"

struct elf_plt {
	GArray *sections;      /* of struct plt_section, private */
	GHashTable *slots;     /* address of a slot -> name */
	GPtrArray *jump_names; /* names of .rela.plt by number; NULL where none */
};

/* Of the file that ran, not of its debug file (which lacks the bytes).
 * x86-64 code is decoded; elsewhere sections are recognised, entries are not
 * named.  names tells the targets of IRELATIVE slots. */
void elf_plt_init(struct elf_plt *plt, Elf *elf, const struct elf_names *names);

/* True when address is in a PLT section; *name is then `function@plt`, to be
 * freed with g_free, or NULL where it cannot be told, and *start the entry. */
bool elf_plt_find(const struct elf_plt *plt, uint64_t address, char **name, uint64_t *start);

#endif
