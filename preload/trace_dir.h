/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_dir.h - the trace's directory: made new, ours alone, and the same one
 * for as long as the trace is written, whatever is put at its name meanwhile.
 */
#ifndef PROF_TRACE_DIR_H
#define PROF_TRACE_DIR_H

#include <stdbool.h>

/* [writer] The first time, relative paths are from here on from here; they stay so in a forked
 * child, wherever its parent has gone.  leave: the thread has a current directory of its own,
 * and leaves it, so that it is not in use for as long as the process lives. */
void trace_dir_start(bool leave);

/* [writer] Makes the directory from LIBPROF_OUT (a suffix .2, .3 ... where it exists
 * already).  keep: the descriptor table is ours alone, so it stays open; else it is
 * opened for each use, by absolute path.  0 or -errno. */
int trace_dir_make(const char *path, bool keep);
const char *trace_dir_path(void);

/* [writer] One sentence on LIBPROF_OUT, of which that could not be made. */
const char *trace_dir_error(const char *path);

/* [writer] Takes it back, empty: no trace could be begun there. */
void trace_dir_unmake(void);

/* [writer] On a thread with another descriptor table: opens it anew. */
void trace_dir_reattach(bool keep);

/* [writer] Around each use: a descriptor for the *at calls, or -errno (-ESTALE: another
 * directory has the name by now). */
int trace_dir_enter(void);
void trace_dir_leave(int dir);

#endif
