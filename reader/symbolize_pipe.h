/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize_pipe.h - how the names of one module travel from the child that
 * found them to the parent.  The two are the same program, so the encoding is
 * private and has no version; the child has read a file nobody trusts, so the
 * parent checks every byte all the same.
 *
 * A stream is records: 'S' defines the next string, 'A' names an address, 'T'
 * is the module's status, 'E' ends it.  All integers are varints.
 */
#ifndef PROF_SYMBOLIZE_PIPE_H
#define PROF_SYMBOLIZE_PIPE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "symbolize.h"

/* The child's end.  Strings are numbered from 1; 0 is NULL. */
struct symbolize_writer {
	int fd;
	GByteArray *buffer;
	GHashTable *strings; /* text -> id */
};

/* A stream beyond this is cut off: no honest module comes near. */
#define SYMBOLIZE_STREAM_BYTES (UINT64_C(1) << 30)

/* Frames of one address; longer chains lose their middle in the child. */
#define SYMBOLIZE_FRAMES_MAX 256u

void symbolize_writer_init(struct symbolize_writer *w, int fd);

/* Frame strings are sent the first time only.  named: the name is real. */
void symbolize_put_address(struct symbolize_writer *w, size_t index,
			   const struct symbolize_address *address, bool named);

/* The status and the end.  Flushes.  n_named is counted by the reader. */
void symbolize_put_end(struct symbolize_writer *w, const struct symbolize_status *status);

/* The parent's end: fills addresses (n of them, zeroed by the caller) and
 * status from the stream.  Strings go to chunk, the frame array is returned
 * through frames (g_free it after the last use, on failure too).  False when
 * the stream is malformed or has no end: what came before stands. */
bool symbolize_get_stream(const uint8_t *bytes, size_t length, GStringChunk *chunk,
			  struct symbolize_address *addresses, size_t n,
			  struct symbolize_status *status, struct symbolize_frame **frames);

#endif
