/* SPDX-License-Identifier: Apache-2.0
 *
 * test_wire.c - varints, zigzag and slices: what is put is got, and nothing
 * is read past an end.
 */
#include "../../include/prof_wire.h"

#include "../check.h"

static struct prof_slice slice(const uint8_t *p, size_t n)
{
	return (struct prof_slice){ p, p + n, false };
}

/* The encoding of v has bytes bytes and gives v back. */
static void round_trip(uint64_t v, size_t bytes)
{
	uint8_t buf[PROF_VARINT_BYTES_MAX];
	size_t n = (size_t)(prof_put_varint(buf, v) - buf);
	struct prof_slice s = slice(buf, n);

	EQ(n, bytes);
	EQ(prof_get_varint(&s), v);
	TRUE(!s.bad);
	EQ(prof_slice_left(&s), 0);
	for (size_t cut = 0; cut < n; cut++) {
		s = slice(buf, cut);
		EQ(prof_get_varint(&s), 0);
		TRUE(s.bad);
	}
}

TEST(varint_round_trips)
{
	round_trip(0, 1);
	for (unsigned bits = 1; bits < 64; bits++) {
		uint64_t top = UINT64_C(1) << bits;

		round_trip(top - 1, (bits + 6) / 7);
		round_trip(top, bits / 7 + 1);
	}
	round_trip(UINT64_MAX, 10);
}

TEST(varint_known_bytes)
{
	uint8_t buf[PROF_VARINT_BYTES_MAX];

	EQ(prof_put_varint(buf, 300) - buf, 2);
	EQ(buf[0], 0xac);
	EQ(buf[1], 0x02);
}

TEST(varint_over_64_bits_is_bad)
{
	uint8_t buf[11];
	struct prof_slice s;

	memset(buf, 0xff, sizeof(buf));
	buf[9] = 0x02;
	s = slice(buf, 10);
	EQ(prof_get_varint(&s), 0);
	TRUE(s.bad);
	buf[9] = 0x81;
	buf[10] = 0;
	s = slice(buf, 11);
	EQ(prof_get_varint(&s), 0);
	TRUE(s.bad);
}

TEST(zigzag)
{
	EQ(prof_zigzag(0), 0);
	EQ(prof_zigzag(-1), 1);
	EQ(prof_zigzag(1), 2);
	EQ(prof_zigzag(INT64_MIN), UINT64_MAX);
	for (int64_t v = -70000; v <= 70000; v += 13)
		EQ(prof_unzigzag(prof_zigzag(v)), v);
	EQ(prof_unzigzag(prof_zigzag(INT64_MIN)), INT64_MIN);
	EQ(prof_unzigzag(prof_zigzag(INT64_MAX)), INT64_MAX);
}

TEST(fixed_integers_are_little_endian)
{
	uint8_t buf[4];

	prof_put_u32(buf, 0x184D2204u);
	EQ(buf[0], 0x04);
	EQ(buf[3], 0x18);
	EQ(prof_get_u32(buf), 0x184D2204u);
	prof_put_u32(buf, 0xffeeddccu);
	EQ(prof_get_u32(buf), 0xffeeddccu);
	prof_put_u16(buf, 0xbeef);
	EQ(prof_get_u16(buf), 0xbeef);
	EQ(buf[0], 0xef);
}

TEST(bytes_never_pass_the_end)
{
	static const uint8_t buf[4] = { 1, 2, 3, 4 };
	struct prof_slice s = slice(buf, 4);

	TRUE(prof_get_bytes(&s, 3) == buf);
	EQ(prof_slice_left(&s), 1);
	TRUE(!prof_get_bytes(&s, 2));
	TRUE(s.bad);
	TRUE(!prof_get_bytes(&s, 1));
	EQ(prof_get_varint(&s), 0);
	s = slice(buf, 4);
	TRUE(!prof_get_bytes(&s, UINT64_MAX));
	s = slice(buf, 4);
	TRUE(prof_get_bytes(&s, 4) == buf);
	TRUE(prof_get_bytes(&s, 0) != NULL);
	TRUE(!s.bad);
}
