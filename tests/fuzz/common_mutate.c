/* SPDX-License-Identifier: Apache-2.0
 *
 * common_mutate.c - mutations that know what a record is: kind, length,
 * payload.  Random bytes alone break the length first and then nothing behind
 * it is looked at.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "prof_wire.h"

#define RECORDS_MAX 4096

/* A record in a sequence; the payload ends it. */
struct place {
	size_t at, payload, end;
};

static size_t find_records(const uint8_t *data, size_t size, struct place *places)
{
	struct prof_slice s = { data, data + size, false };
	size_t n = 0;

	while (prof_slice_left(&s) && n < RECORDS_MAX) {
		uint64_t length;

		places[n].at = (size_t)(s.p++ - data);
		length = prof_get_varint(&s);
		places[n].payload = (size_t)(s.p - data);
		if (!prof_get_bytes(&s, length))
			break;
		places[n++].end = (size_t)(s.p - data);
	}
	return n;
}

/* Another payload for a record: its length goes with it. */
static size_t put_payload(uint8_t *data, size_t size, size_t max, const struct place *r,
			  const uint8_t *payload, size_t n)
{
	uint8_t length[PROF_VARINT_BYTES_MAX];
	size_t n_length = (size_t)(prof_put_varint(length, n) - length);
	size_t rest = size - r->end, total = r->at + 1 + n_length + n + rest;

	if (total > max)
		return size;
	memmove(data + total - rest, data + r->end, rest);
	memcpy(data + r->at + 1, length, n_length);
	memcpy(data + r->at + 1 + n_length, payload, n);
	return total;
}

/* One varint of the payload becomes another: those that sit at limits. */
static size_t mutate_varint(uint8_t *payload, size_t size, unsigned *seed)
{
	static const uint64_t limits[] = { 0,	      1,	  2,	      3,
					   0x7f,      0x80,	  0xffff,     UINT32_MAX,
					   INT64_MAX, UINT64_MAX, 1u << 20,   1u << 24,
					   1u << 26,  1u << 31,	  1ull << 40, 1ull << 60 };
	struct prof_slice s = { payload, payload + size, false };
	size_t skip = (size_t)rand_r(seed) % 24, at;
	uint8_t bytes[PROF_VARINT_BYTES_MAX];
	uint64_t value = 0;
	size_t n, rest;

	for (at = 0; prof_slice_left(&s); skip--) {
		at = (size_t)(s.p - payload);
		value = prof_get_varint(&s);
		if (!skip)
			break;
	}
	if (s.bad || !size)
		return size;
	value = rand_r(seed) % 3 ? value + (uint64_t)(rand_r(seed) % 9) - 4
				 : limits[(size_t)rand_r(seed) % 16];
	n = (size_t)(prof_put_varint(bytes, value) - bytes);
	rest = (size_t)(payload + size - s.p);
	memmove(payload + at + n, s.p, rest);
	memcpy(payload + at, bytes, n);
	return at + n + rest;
}

/* A record once more, elsewhere, or taken out. */
static size_t move_record(uint8_t *data, size_t size, size_t max, const struct place *from,
			  const struct place *to, bool keep)
{
	size_t n = from->end - from->at;
	uint8_t *copy;

	if (!keep) {
		memmove(data + from->at, data + from->end, size - from->end);
		return size - n;
	}
	if (size + n > max)
		return size;
	copy = malloc(n);
	memcpy(copy, data + from->at, n);
	memmove(data + to->at + n, data + to->at, size - to->at);
	memcpy(data + to->at, copy, n);
	free(copy);
	return size + n;
}

size_t fuzz_mutate_records(uint8_t *data, size_t size, size_t max, unsigned *seed)
{
	static struct place places[RECORDS_MAX];
	size_t n = find_records(data, size, places), length;
	const struct place *r, *other;
	uint8_t *payload;

	if (!n || rand_r(seed) % 10 == 0)
		return LLVMFuzzerMutate(data, size, max);
	r = &places[(size_t)rand_r(seed) % n];
	other = &places[(size_t)rand_r(seed) % n];
	switch (rand_r(seed) % 8) {
	case 0: return move_record(data, size, max, r, other, true);
	case 1: return move_record(data, size, max, r, other, false);
	case 2: data[r->at] = (uint8_t)(rand_r(seed) % 16); return size;
	default: break;
	}
	length = r->end - r->payload;
	payload = malloc(length + 256);
	memcpy(payload, data + r->payload, length);
	if (rand_r(seed) % 2)
		length = mutate_varint(payload, length, seed);
	else
		length = LLVMFuzzerMutate(payload, length, length + 256);
	size = put_payload(data, size, max, r, payload, length);
	free(payload);
	return size;
}
