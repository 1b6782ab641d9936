/* SPDX-License-Identifier: Apache-2.0
 *
 * test_format_units.c - numbers for people at the borders between units, and
 * text that must not reach a terminal as it is.
 *
 * links: reader/format_units.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: $(pkg-config --libs glib-2.0)
 */
#include "../../reader/format_units.h"

#undef TRUE /* GLib's; check.h has its own */
#include "../check.h"

static char buf[FORMAT_ROOM];
static unsigned columns;

static const char *safe(const char *text, unsigned room)
{
	GString *out = g_string_new("");

	columns = format_safe(out, text, room);
	return g_string_free(out, FALSE);
}

TEST(bytes)
{
	STREQ(format_bytes(buf, 0), "0 B");
	STREQ(format_bytes(buf, 999), "999 B");
	STREQ(format_bytes(buf, 1000), "0.98 KiB");
	STREQ(format_bytes(buf, 1536), "1.50 KiB");
	STREQ(format_bytes(buf, 999.4 * 1024), "999 KiB");
	STREQ(format_bytes(buf, 10. * (1 << 20)), "10.0 MiB");
	STREQ(format_bytes(buf, 1.8e19), "15.6 EiB");
}

TEST(times)
{
	STREQ(format_ns(buf, 0), "0");
	STREQ(format_ns(buf, 999), "999 ns");
	STREQ(format_ns(buf, 1000), "1.00 us");
	STREQ(format_ns(buf, 12345678), "12.3 ms");
	STREQ(format_ns(buf, 999.6e6), "1.00 s");
	STREQ(format_ns(buf, 3723e9), "3723 s");
	STREQ(format_ns(buf, 36000e9), "10.0 h");
}

TEST(counts_and_shares)
{
	STREQ(format_count(buf, 999999), "999999");
	STREQ(format_count(buf, 1234567), "1.23 M");
	STREQ(format_count(buf, 999.6e6), "1.00 G");
	STREQ(format_share(buf, 1, 0), "-");
	STREQ(format_share(buf, 0, 10), "0.0%");
	STREQ(format_share(buf, 1, 1e6), "<0.1%");
	STREQ(format_share(buf, 1, 8), "12.5%");
	STREQ(format_share(buf, 8, 8), "100%");
}

TEST(safe_text)
{
	STREQ(safe("name", 0), "name");
	STREQ(safe("a\x1b]0;evil\x07"
		   "b",
		   0),
	      "a\\x1b]0;evil\\x07b");
	STREQ(safe("\xc2\x9b"
		   "31m",
		   0),
	      "\\x9b31m");
	STREQ(safe("\xff\xfe", 0), "\\xff\\xfe");
	STREQ(safe("\xe2\x80\xaetxt", 0), "\\u202etxt");
	STREQ(safe("a\nb\tc\r", 0), "a\\x0ab\\x09c\\x0d");
}

TEST(cuts_to_columns)
{
	STREQ(safe("abcdef", 6), "abcdef");
	EQ(columns, 6);
	STREQ(safe("abcdefg", 6), "abc...");
	EQ(columns, 6);
	/* an escape is kept whole or left out whole */
	STREQ(safe("ab\x1b\x1b\x1b", 8), "ab...");
	EQ(columns, 5);
	/* two columns each */
	STREQ(safe("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 6),
	      "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2");
	EQ(columns, 6);
	STREQ(safe("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 5), "\xe6\xbc\xa2...");
	EQ(columns, 5);
}
