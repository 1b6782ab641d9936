/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel_names.h - names of kernel functions, from /proc/kallsyms of the
 * machine the reader runs on, when that is the boot the trace was made in.
 */
#ifndef PROF_KERNEL_NAMES_H
#define PROF_KERNEL_NAMES_H

#include <glib.h>

#include "symbolize.h"

/* Names the addresses of module (n_addresses frames, zeroed but for name, which
 * is the fallback).  Strings go to chunk.  starts[i] is set to the function's
 * start where frames[i] is named (system_name is not NULL).  kallsyms and
 * boot_id are the paths to read, for tests; NULL: those of /proc.  Fills
 * source, n_named and advice of status. */
void kernel_names_fill(const struct symbolize_module *module, const char *kallsyms,
		       const char *boot_id, GStringChunk *chunk, struct symbolize_frame *frames,
		       uint64_t *starts, struct symbolize_status *status);

#endif
