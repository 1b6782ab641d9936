/* SPDX-License-Identifier: Apache-2.0
 *
 * file_view.h - reading a mapped file that somebody may truncate: a load from
 * such a mapping ends the process with SIGBUS, so bytes are copied out by the
 * kernel, which fails softly: what the headers are parsed from by one call each, what
 * comes later a block at a time and each block once.  Writer thread only.
 */
#ifndef PROF_FILE_VIEW_H
#define PROF_FILE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

struct file_view {
	const uint8_t *map; /* never loaded from */
	uint64_t size;
	uint8_t *copy; /* as large, from the first block on that is asked for; else NULL */
	uint8_t *have; /* one byte a block: filled */
	int fd;	       /* until file_view_settle, else -1 */
};

/* [writer] A view of the first size bytes of fd (debug sections can be gigabytes, and stand
 * behind what is loaded).  NULL when memory or the kernel refuses. */
struct file_view *file_view_open(struct arena *arena, int fd, uint64_t size);

/* [writer] From here on fd may be closed, and blocks are kept. */
void file_view_settle(struct file_view *v);

/* [writer] n bytes at offset; false when the file does not have them (any more). */
bool file_view_read(struct file_view *v, uint64_t offset, void *buf, uint64_t n);

/* [writer] */
void file_view_close(struct file_view *v);

#endif
