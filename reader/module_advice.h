/* SPDX-License-Identifier: Apache-2.0
 *
 * module_advice.h - one sentence for people about a module whose names are not
 * what they could be: what is missing, what was tried, what would fix it.
 * Runs in the child process.
 */
#ifndef PROF_MODULE_ADVICE_H
#define PROF_MODULE_ADVICE_H

#include "elf_files.h"
#include "symbolize.h"

/* NULL when nothing is missing; g_free it.  split: a file of split DWARF that is not
 * here; NULL: none. */
char *module_advice(const struct elf_files *files, const struct symbolize_status *status,
		    const char *split);

#endif
