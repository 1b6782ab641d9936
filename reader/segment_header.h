/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_header.h - the header of a segment, parsed from bytes.  Private to
 * segment_in.c; a file of its own because it is a format within the format.
 */
#ifndef PROF_SEGMENT_HEADER_H
#define PROF_SEGMENT_HEADER_H

#include "segment_in.h"

#define SEGMENT_HEADER_BYTES_MAX (1u << 20)

/* Whether a file that begins with these bytes may be a segment at all: one of
 * the two magics is there, so that one damaged byte does not make it foreign. */
bool segment_header_likely(const uint8_t *bytes, size_t len);

/* Whether the content of a frame is records, most of kinds that are known, to its
 * last byte: then a file without a header is a segment all the same. */
bool segment_content_likely(const uint8_t *bytes, size_t len);

/* Parses what follows the skippable frame's length.  ERR_NEWER: not to be read
 * by this version.  With any other error header has the fields before what is
 * wrong, or none. */
enum err segment_header_parse(struct segment_header *header, const uint8_t *bytes, size_t len);

/* Frees what header points to. */
void segment_header_fini(struct segment_header *header);

#endif
