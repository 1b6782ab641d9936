/* SPDX-License-Identifier: Apache-2.0
 *
 * module_names.h - all names of one ELF module, written to a pipe: the work
 * that symbolize_child puts into a process of its own.  Also the names that
 * need no file, which the parent falls back to.
 */
#ifndef PROF_MODULE_NAMES_H
#define PROF_MODULE_NAMES_H

#include "symbolize.h"
#include "symbolize_pipe.h"

/* Opens the module's files, names its addresses, writes them and the status.
 * Leaves everything open: the process ends next.  It trusts libelf and libdw
 * with the bytes of the files, so it may crash, hang or eat memory. */
void module_names_write(const struct symbolize_options *options,
			const struct symbolize_module *module, struct symbolize_writer *w);

/* `[vdso]`, `[kernel]`, `[anon]` or `[file name]`; g_free it. */
char *module_names_fallback(const struct symbolize_module *module);

#endif
