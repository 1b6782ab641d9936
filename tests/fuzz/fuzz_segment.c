/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_segment.c - a whole segment file, through header, frames, checksums and
 * resynchronisation to every output.  The mutator works inside the frames and
 * the header and puts the checksums right again, half of the time.
 */
#include "fuzz.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "prof_format.h"
#include "prof_wire.h"

#define PARTS_MAX 512
#define CONTENT_BYTES_MAX (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *paths[] = { (char *)fuzz_file(data, size), NULL };

	fuzz_model(paths, (unsigned)XXH64(data, size, 0));
	return 0;
}

/* ---- The mutator ---- */

/* A frame of the file. */
struct part {
	size_t at, end;
	bool is_lz4;
};

/* The end of the LZ4 frame at the start of data: header, blocks, checksum; 0
 * when it has none. */
static size_t frame_end(const uint8_t *data, size_t size)
{
	size_t at = 7;
	uint32_t length;

	while (size > at && size - at >= 4) {
		length = prof_get_u32(data + at);
		at += 4;
		if (!length)
			return size - at >= 4 ? at + 4 : 0;
		length &= 0x7fffffff;
		if (length > size - at)
			return 0;
		at += length;
	}
	return 0;
}

static size_t find_parts(const uint8_t *data, size_t size, struct part *parts)
{
	size_t n = 0, at = 0, length;
	uint32_t magic;

	while (n < PARTS_MAX && size - at >= 8) {
		magic = prof_get_u32(data + at);
		if (magic == PROF_LZ4_MAGIC)
			length = frame_end(data + at, size - at);
		else if ((magic & PROF_SKIP_MASK) == PROF_SKIP_HEADER)
			length = 8 + (size_t)prof_get_u32(data + at + 4);
		else
			break;
		if (!length || length > size - at)
			break;
		parts[n++] = (struct part){ at, at + length, magic == PROF_LZ4_MAGIC };
		at += length;
	}
	return n;
}

/* Puts new bytes in place of a part. */
static size_t replace(uint8_t *data, size_t size, size_t max, const struct part *part,
		      const uint8_t *bytes, size_t n)
{
	size_t rest = size - part->end;

	if (part->at + n + rest > max)
		return size;
	memmove(data + part->at + n, data + part->end, rest);
	memcpy(data + part->at, bytes, n);
	return part->at + n + rest;
}

static size_t mutate_frame(uint8_t *data, size_t size, size_t max, const struct part *part,
			   unsigned *seed)
{
	static const LZ4F_preferences_t how = { .frameInfo = { .contentChecksumFlag =
								       LZ4F_contentChecksumEnabled,
							       .blockMode = LZ4F_blockIndependent,
							       .blockSizeID = LZ4F_max4MB } };
	static uint8_t content[CONTENT_BYTES_MAX], packed[CONTENT_BYTES_MAX + 4096];
	size_t n = sizeof(content) / 2, used = part->end - part->at;
	LZ4F_dctx *lz4;

	LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION);
	if (LZ4F_decompress(lz4, content, &n, data + part->at, &used, NULL))
		n = 0;
	LZ4F_freeDecompressionContext(lz4);
	if (!n)
		return size;
	n = fuzz_mutate_records(content, n, sizeof(content), seed);
	n = LZ4F_compressFrame(packed, sizeof(packed), content, n, &how);
	return LZ4F_isError(n) ? size : replace(data, size, max, part, packed, n);
}

/* Fields of the header, and their checksum. */
static size_t mutate_header(uint8_t *data, size_t size, size_t max, const struct part *part)
{
	static uint8_t bytes[65536];
	size_t n = part->end - part->at, fixed = 8 + PROF_HEADER_FIXED_BYTES;

	if (n < fixed || n > sizeof(bytes) / 2)
		return size;
	memcpy(bytes, data + part->at, n);
	n = fixed + LLVMFuzzerMutate(bytes + fixed, n - fixed, sizeof(bytes) - fixed);
	prof_put_u32(bytes + 4, (uint32_t)n - 8);
	prof_put_u32(bytes + 20, (uint32_t)(n - fixed));
	prof_put_u32(bytes + 24, XXH32(bytes + fixed, n - fixed, 0));
	return replace(data, size, max, part, bytes, n);
}

/* A frame twice, or gone. */
static size_t move_frame(uint8_t *data, size_t size, size_t max, const struct part *from,
			 const struct part *to, bool keep)
{
	size_t n = from->end - from->at, moved = size;
	uint8_t *copy;

	if (!keep)
		return replace(data, size, max, from, data, 0);
	copy = malloc(n);
	memcpy(copy, data + from->at, n);
	moved = replace(data, size, max, &(struct part){ to->at, to->at, true }, copy, n);
	free(copy);
	return moved;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static struct part parts[PARTS_MAX];
	size_t n = find_parts(data, size, parts);
	const struct part *part;

	if (!n || rand_r(&seed) % 4 == 0)
		return LLVMFuzzerMutate(data, size, max);
	part = &parts[(size_t)rand_r(&seed) % n];
	if (rand_r(&seed) % 8 == 0)
		return move_frame(data, size, max, part, &parts[(size_t)rand_r(&seed) % n],
				  rand_r(&seed) % 2);
	return part->is_lz4 ? mutate_frame(data, size, max, part, &seed)
			    : mutate_header(data, size, max, part);
}
