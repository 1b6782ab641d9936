/* SPDX-License-Identifier: Apache-2.0
 *
 * segment.h - the trace on disk: numbered segment files in a directory, and
 * frames that are in the file whole or not at all.  The writer's alone.
 */
#ifndef PROF_SEGMENT_H
#define PROF_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* [writer] Makes the trace directory, see trace_dir.h.  keep_descriptors: directory and
 * file stay open; else each is opened for each use.  0 or -errno. */
int segment_make_trace(const char *path, bool keep_descriptors);

/* [writer] On a thread with another descriptor table: opens directory and file anew.  A file
 * that cannot be opened is left as it is, and no segment open. */
void segment_reattach(bool keep_descriptors);

/* [child] Forgets the parent's trace. */
void segment_reset_in_child(void);

/* [writer] Makes the next segment's file, with the given header fields, while the current
 * one goes on: that cannot be done where the program has given up the rights to the
 * directory, or the directory is gone.  0 or -errno (nothing is left of the attempt, but
 * with -EEXIST its number is used up).  segment_next() is the number it gets. */
int segment_make_next(const struct buffer *header_fields);
uint32_t segment_next(void);

/* [writer] Closes the current segment and goes on in the next, which is made when it has
 * not been.  0 or -errno as above, and nothing has changed. */
int segment_open(const struct buffer *header_fields);

/* [writer] Appends one frame: compressed, checksummed, first as a skippable frame and
 * then committed.  0, or -errno and the file is as it was. */
int segment_write(const struct buffer *content);

/* [writer] Takes the last frame, of so many bytes in the file, back.  Where that cannot be
 * done it stays. */
void segment_take_back(uint64_t bytes);

/* [writer] */
void segment_close(void);

/* [writer] Bytes of the current segment so far, of all segments on disk, number of the
 * current segment (0: none yet), and whether one is open. */
uint64_t segment_bytes(void);
uint64_t segment_total_bytes(void);
uint32_t segment_number(void);
bool segment_is_open(void);

/* [writer] Deletes oldest segments while the total is above limit (0: none); the
 * current one stays.  Returns how many went. */
uint32_t segment_drop_oldest(uint64_t limit);

#endif
