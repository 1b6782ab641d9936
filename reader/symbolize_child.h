/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize_child.h - one ELF module, looked at by a process of its own.  The
 * files are not trusted: whatever they make libelf and libdw do, the parent
 * loses no more than this module's names and a limited time.
 */
#ifndef PROF_SYMBOLIZE_CHILD_H
#define PROF_SYMBOLIZE_CHILD_H

#include <glib.h>
#include <stdbool.h>

#include "symbolize.h"

/* Forks, lets the child write what module_names_write writes, and appends it
 * to stream.  module_seconds and module_memory_bytes of options are limits and
 * not 0.  True when the child came to its end by itself; else *why is a text
 * ("crashed: Segmentation fault", "took more than 60 s"), to be freed with
 * g_free.  The child is gone either way. */
bool symbolize_child_run(const struct symbolize_options *options,
			 const struct symbolize_module *module, GByteArray *stream, char **why);

#endif
