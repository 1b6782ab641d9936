/* SPDX-License-Identifier: Apache-2.0
 *
 * jit_names.h - names of generated code, from the /tmp/perf-PID.map files that
 * runtimes write (`START SIZE NAME`, hexadecimal; when code is moved or its
 * space reused, a later line replaces an earlier one).
 */
#ifndef PROF_JIT_NAMES_H
#define PROF_JIT_NAMES_H

#include <glib.h>

#include "symbolize.h"

/* Names the addresses of module (n_addresses frames, zeroed but for name, which
 * is the fallback).  Strings go to chunk.  starts[i] is set where frames[i] is
 * named (system_name is not NULL).  directory is where the map is, NULL: /tmp.
 * Anybody may write there: the file must be a regular one of the traced user,
 * of root or of the caller, and no older than the trace.  Fills source,
 * n_named, file and advice of status.  When a map exists, addresses it does
 * not name become `[JIT]`. */
void jit_names_fill(const struct symbolize_module *module, const char *directory,
		    GStringChunk *chunk, struct symbolize_frame *frames, uint64_t *starts,
		    struct symbolize_status *status);

#endif
