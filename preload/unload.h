/* SPDX-License-Identifier: Apache-2.0
 *
 * unload.h - which libraries a dlclose takes away, where perf does not tell of
 * mappings.  The thread that calls dlclose looks at the loader's list before and
 * after, and puts an event for each that is gone behind all that was recorded
 * in it; the writer, which may be far behind, learns from it what lay there.
 */
#ifndef PROF_UNLOAD_H
#define PROF_UNLOAD_H

#include <stdint.h>

struct unload_list; /* the objects before the call */

/* [hook] NULL when it cannot be had.  To be given to unload_report(). */
struct unload_list *unload_look(void);

/* [hook] Records what is gone since; frees the list. */
void unload_report(struct unload_list *before);

/* What follows the fixed part of such an event; its block is the first address of the
 * object's code, its size the bytes of it. */
struct unload_note {
	uint64_t file_offset, dev, ino;
	char path[]; /* as the loader has it, terminated; begins with '/' */
};

/* [child] */
void unload_reset_in_child(void);

/* Any context: events recorded and not yet taken by the writer. */
extern _Atomic uint32_t unload_pending;

#endif
