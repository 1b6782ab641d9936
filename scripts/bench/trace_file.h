/* SPDX-License-Identifier: Apache-2.0
 *
 * trace_file.h - the trace format's bytes, for gentrace.c: parts of a frame,
 * records in them, a segment's header, frames in the file.
 */
#ifndef BENCH_TRACE_FILE_H
#define BENCH_TRACE_FILE_H

#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "prof_format.h"
#include "prof_wire.h"

#define PART_BYTES ((size_t)PROF_FRAME_BYTES_MAX)

/* Bytes that are put together.  PART_BYTES and as many again: who fills it looks
 * at used once an event. */
struct part {
	uint8_t *bytes;
	size_t used;
};

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline struct part part_new(void)
{
	return (struct part){ malloc(2 * PART_BYTES), 0 };
}

static inline void put(struct part *part, uint64_t v)
{
	part->used = (size_t)(prof_put_varint(part->bytes + part->used, v) - part->bytes);
}

static inline void put_bytes(struct part *part, const void *bytes, size_t n)
{
	memcpy(part->bytes + part->used, bytes, n);
	part->used += n;
}

/* A record of these fields and, behind them, the bytes of rows, which is then empty. */
static inline void put_record(struct part *out, unsigned kind, const uint64_t *fields, unsigned n,
			      struct part *rows)
{
	uint8_t head[16 * PROF_VARINT_BYTES_MAX], *p = head;

	for (unsigned i = 0; i < n; i++)
		p = prof_put_varint(p, fields[i]);
	out->bytes[out->used++] = (uint8_t)kind;
	put(out, (uint64_t)(p - head) + (rows ? rows->used : 0));
	put_bytes(out, head, (size_t)(p - head));
	if (!rows)
		return;
	put_bytes(out, rows->bytes, rows->used);
	rows->used = 0;
}

#define RECORD(out, kind, rows, ...)                             \
	put_record(out, kind, (const uint64_t[]){ __VA_ARGS__ }, \
		   sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), rows)

static inline void put_header_text(struct part *p, unsigned key, const char *value)
{
	put(p, key);
	put(p, strlen(value));
	put_bytes(p, value, strlen(value));
}

static inline void put_header_number(struct part *p, unsigned key, uint64_t value)
{
	uint8_t bytes[PROF_VARINT_BYTES_MAX];
	size_t n = (size_t)(prof_put_varint(bytes, value) - bytes);

	put(p, key);
	put(p, n);
	put_bytes(p, bytes, n);
}

static inline size_t write_bytes(FILE *file, const void *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, file) != n)
		fail("segment");
	return n;
}

/* Writes the header with these fields, and empties them; returns its bytes. */
static inline size_t write_header(FILE *file, struct part *fields)
{
	uint8_t fixed[8 + PROF_HEADER_FIXED_BYTES] = { 0 };
	size_t n;

	prof_put_u32(fixed, PROF_SKIP_HEADER);
	prof_put_u32(fixed + 4, (uint32_t)(PROF_HEADER_FIXED_BYTES + fields->used));
	memcpy(fixed + 8, PROF_HEADER_MAGIC, PROF_HEADER_MAGIC_BYTES);
	prof_put_u16(fixed + 16, PROF_FORMAT_VERSION);
	prof_put_u16(fixed + 18, PROF_FORMAT_MIN_READER);
	prof_put_u32(fixed + 20, (uint32_t)fields->used);
	prof_put_u32(fixed + 24, XXH32(fields->bytes, fields->used, 0));
	n = write_bytes(file, fixed, sizeof(fixed));
	n += write_bytes(file, fields->bytes, fields->used);
	fields->used = 0;
	return n;
}

/* Writes records as a frame, and empties them; returns its bytes in the file. */
static inline size_t write_frame(FILE *file, struct part *records)
{
	static const LZ4F_preferences_t preferences = {
		.frameInfo = { .blockSizeID = LZ4F_max4MB,
			       .blockMode = LZ4F_blockIndependent,
			       .contentChecksumFlag = LZ4F_contentChecksumEnabled },
	};
	static uint8_t *packed;
	size_t room = LZ4F_compressFrameBound(PART_BYTES, &preferences), n;

	if (!packed)
		packed = malloc(room);
	if (records->used > PART_BYTES)
		fail("frame");
	n = LZ4F_compressFrame(packed, room, records->bytes, records->used, &preferences);
	if (LZ4F_isError(n))
		fail("frame");
	records->used = 0;
	return write_bytes(file, packed, n);
}

#endif
