/* SPDX-License-Identifier: Apache-2.0
 *
 * prof_wire.h - little-endian integers and varints, for both halves: the
 * writer appends to a buffer it has reserved, the reader takes from a slice
 * that may end anywhere.  No allocation, no I/O, no state.
 *
 * varint: seven bits a byte, least significant first, high bit = more; at most
 * ten bytes (LEB128, as protobuf).  zigzag maps signed to unsigned so that
 * small magnitudes stay short.
 */
#ifndef PROF_WIRE_H
#define PROF_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PROF_VARINT_BYTES_MAX 10

/* Writes v at p; the caller has PROF_VARINT_BYTES_MAX bytes of room there.
 * Returns the first byte after it. */
static inline uint8_t *prof_put_varint(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

static inline uint64_t prof_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t prof_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline void prof_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void prof_put_u32(uint8_t *p, uint32_t v)
{
	prof_put_u16(p, (uint16_t)v);
	prof_put_u16(p + 2, (uint16_t)(v >> 16));
}

static inline uint16_t prof_get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t prof_get_u32(const uint8_t *p)
{
	return prof_get_u16(p) | (uint32_t)prof_get_u16(p + 2) << 16;
}

/* A slice of bytes being read.  After the first read past its end, or of a
 * varint that does not fit 64 bits, bad is set, every further read gives 0
 * and nothing moves: callers may check once, after a group of reads. */
struct prof_slice {
	const uint8_t *p, *end;
	bool bad;
};

static inline size_t prof_slice_left(const struct prof_slice *s)
{
	return s->bad ? 0 : (size_t)(s->end - s->p);
}

static inline uint64_t prof_get_varint(struct prof_slice *s)
{
	uint64_t v = 0;

	if (!s->bad && s->p != s->end && *s->p < 0x80) /* most are one byte */
		return *s->p++;
	for (unsigned shift = 0; !s->bad; shift += 7) {
		if (s->p == s->end || shift > 63 || (shift == 63 && *s->p > 1))
			break;
		v |= (uint64_t)(*s->p & 0x7f) << shift;
		if (!(*s->p++ & 0x80))
			return v;
	}
	s->bad = true;
	return 0;
}

/* n bytes, or NULL (and bad) when fewer are left. */
static inline const uint8_t *prof_get_bytes(struct prof_slice *s, uint64_t n)
{
	const uint8_t *p = s->p;

	if (s->bad || n > (uint64_t)(s->end - s->p)) {
		s->bad = true;
		return NULL;
	}
	s->p += n;
	return p;
}

#endif
