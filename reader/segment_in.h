/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_in.h - one segment file: open, verify the header, hand out the
 * content of one frame after the other, find the next good frame after damage.
 * Called by profile.c and out_dump.c, one segment at a time.  Memory: 4 MiB of
 * content and what the LZ4 decoder needs for one block, whatever the file says.
 */
#ifndef PROF_SEGMENT_IN_H
#define PROF_SEGMENT_IN_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "prof_format.h"

#define SEGMENT_FIELD_MAX 64u /* header keys from here on are ignored */

/* The header's fields by key.  A header that is damaged leaves all absent. */
struct segment_header {
	bool good; /* checksum held */
	unsigned version, min_reader;
	bool present[SEGMENT_FIELD_MAX];
	uint64_t number[SEGMENT_FIELD_MAX]; /* fields of type u */
	char *text[SEGMENT_FIELD_MAX];	    /* s and b, NUL-terminated; NULs inside an s
					     * became spaces */
	size_t text_len[SEGMENT_FIELD_MAX];
	GPtrArray *settings; /* char *, "NAME=value" */
};

/* Damage is told to the caller as it is met: at a byte offset of the file. */
typedef void segment_damage_fn(void *arg, uint64_t offset, const char *what, enum err err,
			       const char *detail);

/* One frame's content, valid until the next call. */
struct segment_frame {
	uint64_t offset; /* of the frame in the file */
	const uint8_t *data;
	size_t len;
};

struct segment_in; /* opaque */

/* Opens path and reads its header.  limit: bytes of the file to look at, 0: as
 * many as it has now.  On success *segment is to be closed by the caller; a
 * damaged header was told to damage and is no failure.  On failure (cannot be
 * read, empty, foreign, newer) damage was told why, *segment is NULL and the
 * result says what.  damage may be NULL. */
enum err segment_open(struct segment_in **segment, const char *path, uint64_t limit,
		      segment_damage_fn *damage, void *arg);

/* The next good frame; false at the end. */
bool segment_next(struct segment_in *segment, struct segment_frame *frame);

const struct segment_header *segment_header(const struct segment_in *segment);

/* The number in the header, else the one in the file's name, else 0. */
uint64_t segment_number(const struct segment_in *segment);

/* Bytes of the file looked at, to be limit when it is opened again. */
uint64_t segment_bytes(const struct segment_in *segment);

/* Frames met so far whose write was not finished. */
uint64_t segment_uncommitted(const struct segment_in *segment);

/* NULL is allowed. */
void segment_close(struct segment_in *segment);

#endif
