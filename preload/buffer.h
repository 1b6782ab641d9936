/* SPDX-License-Identifier: Apache-2.0
 *
 * buffer.h - bytes being encoded.  Room is checked once per record with
 * buffer_room; the puts that follow trust it.
 */
#ifndef PROF_BUFFER_H
#define PROF_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../include/prof_wire.h"

struct buffer {
	uint8_t *bytes;
	size_t used, capacity;
};

/* Of capacity bytes at *memory, which moves behind them. */
static inline void buffer_init(struct buffer *b, uint8_t **memory, size_t capacity)
{
	*b = (struct buffer){ .bytes = *memory, .capacity = capacity };
	*memory += capacity;
}

static inline bool buffer_room(const struct buffer *b, size_t bytes)
{
	return b->used <= b->capacity && b->capacity - b->used >= bytes;
}

static inline void buffer_put_byte(struct buffer *b, uint8_t v)
{
	b->bytes[b->used++] = v;
}

static inline void buffer_put(struct buffer *b, uint64_t v)
{
	b->used = (size_t)(prof_put_varint(b->bytes + b->used, v) - b->bytes);
}

static inline void buffer_put_signed(struct buffer *b, int64_t v)
{
	buffer_put(b, prof_zigzag(v));
}

static inline void buffer_put_bytes(struct buffer *b, const void *p, size_t n)
{
	memcpy(b->bytes + b->used, p, n);
	b->used += n;
}

#endif
