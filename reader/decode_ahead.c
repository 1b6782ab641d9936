/* SPDX-License-Identifier: Apache-2.0
 *
 * decode_ahead.c - see decode_ahead.h.
 */
#include "decode_ahead.h"

void decode_ahead_nodes(const struct decoder *decoder, struct prof_slice slice, uint64_t first)
{
	struct decode_hint hints[DECODE_AHEAD];
	size_t n;

	if (!decoder->ahead)
		return;
	for (n = 0; n < DECODE_AHEAD && prof_slice_left(&slice); n++) {
		hints[n].node = (uint32_t)(first + n - prof_get_varint(&slice));
		hints[n].mapping = (uint32_t)(prof_get_varint(&slice) >> 1);
		hints[n].number = prof_get_varint(&slice);
	}
	decoder->ahead(decoder->arg, PROF_REC_NODES, hints, n);
}

void decode_ahead_heap(const struct decoder *decoder, struct prof_slice slice)
{
	struct decode_hint hints[DECODE_AHEAD];
	uint64_t op;
	size_t n;

	if (!decoder->ahead)
		return;
	for (n = 0; n < DECODE_AHEAD && prof_slice_left(&slice); n++) {
		op = prof_get_varint(&slice);
		prof_get_varint(&slice); /* time */
		prof_get_varint(&slice); /* thread */
		hints[n] = (struct decode_hint){ .number = prof_get_varint(&slice) };
		if (op == PROF_HEAP_FREE)
			continue;
		prof_get_varint(&slice); /* size */
		if (op == PROF_HEAP_ALLOC_AS)
			prof_get_varint(&slice);
		hints[n].node = (uint32_t)prof_get_varint(&slice);
	}
	decoder->ahead(decoder->arg, PROF_REC_HEAP, hints, n);
}
