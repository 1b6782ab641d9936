/* SPDX-License-Identifier: Apache-2.0
 *
 * frame_reader.h - the frames of a segment, read and decompressed some frames ahead
 * by a thread of their own while those before are decoded.  For profile_build.c; who
 * reads without haste uses segment_next().  A small file is read without a thread,
 * and so is any where none can be started.
 * Damage is told as segment_next() would: in the caller's thread, before the frame
 * behind it.
 */
#ifndef PROF_FRAME_READER_H
#define PROF_FRAME_READER_H

#include "segment_in.h"

struct frame_reader; /* opaque */

struct frame_reader *frame_reader_new(segment_damage_fn *damage, void *arg);

/* To be given to segment_open() with the reader as its arg. */
void frame_reader_damage(void *reader, uint64_t offset, const char *what, enum err err,
			 const char *detail);

/* The next frame of segment, valid until the next call; false at the end.  Until
 * then nothing else may use segment, and all calls have the same. */
bool frame_reader_next(struct frame_reader *reader, struct segment_in *segment,
		       struct segment_frame *frame);

/* Before segment_close(). */
void frame_reader_free(struct frame_reader *reader);

#endif
