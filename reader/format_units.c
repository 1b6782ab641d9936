/* SPDX-License-Identifier: Apache-2.0
 *
 * format_units.c - numbers and names for people.  Every number keeps three
 * significant digits: what the report shows are mostly estimates, and more
 * digits would only look exact.  Decimal points do not follow the locale.
 */
#include "format_units.h"

#include <math.h>
#include <string.h>

/* value with about three significant digits and a unit behind it. */
static char *format_three(char *buf, double value, const char *unit)
{
	int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	char format[8], digits[G_ASCII_DTOSTR_BUF_SIZE];

	g_snprintf(format, sizeof(format), "%%.%df", decimals);
	/* beyond every real figure, and no longer three digits */
	g_ascii_formatd(digits, sizeof(digits), value < 1e18 ? format : "%.2e", value);
	g_snprintf(buf, FORMAT_ROOM, "%s %s", digits, unit);
	return buf;
}

char *format_bytes(char *buf, double bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned i = 0;

	/* 999.5 rather than 1024: "1023 KiB" would need a column more */
	if (bytes < 999.5) {
		g_snprintf(buf, FORMAT_ROOM, "%.0f B", bytes);
		return buf;
	}
	for (bytes /= 1024; bytes >= 999.5 && i + 1 < G_N_ELEMENTS(units); i++)
		bytes /= 1024;
	return format_three(buf, bytes, units[i]);
}

char *format_ns(char *buf, double ns)
{
	if (ns < 999.5) {
		g_snprintf(buf, FORMAT_ROOM, ns < 0.5 ? "0" : "%.0f ns", ns);
		return buf;
	}
	if (ns < 999.5e3)
		return format_three(buf, ns / 1e3, "us");
	if (ns < 999.5e6)
		return format_three(buf, ns / 1e6, "ms");
	if (ns < 9999.5e9)
		return format_three(buf, ns / 1e9, "s");
	return format_three(buf, ns / 3600e9, "h");
}

char *format_count(char *buf, double count)
{
	static const char *const units[] = { "M", "G", "T", "P", "E" };
	unsigned i = 0;

	if (count < 999999.5) {
		g_snprintf(buf, FORMAT_ROOM, "%.0f", count);
		return buf;
	}
	for (count /= 1e6; count >= 999.5 && i + 1 < G_N_ELEMENTS(units); i++)
		count /= 1e3;
	return format_three(buf, count, units[i]);
}

char *format_share(char *buf, double part, double whole)
{
	double percent = whole > 0 ? 100 * part / whole : 0;
	char digits[G_ASCII_DTOSTR_BUF_SIZE];

	if (!(whole > 0))
		g_strlcpy(buf, "-", FORMAT_ROOM);
	else if (part > 0 && percent < 0.05)
		g_strlcpy(buf, "<0.1%", FORMAT_ROOM);
	else
		g_snprintf(buf, FORMAT_ROOM, "%s%%",
			   g_ascii_formatd(digits, sizeof(digits),
					   percent >= 99.95 ? "%.0f" : "%.1f", percent));
	return buf;
}

bool format_is_unsafe(gunichar c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0xfeff ||
	       (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* The next character of text as it may be shown, in piece (16 bytes or more);
 * sets its columns, returns the bytes of text it stands for. */
static size_t format_piece(char *piece, unsigned *columns, const char *text)
{
	gunichar c = g_utf8_get_char_validated(text, -1);
	size_t n;

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		*columns = (unsigned)g_snprintf(piece, 16, "\\x%02x", (unsigned char)*text);
		return 1;
	}
	n = (size_t)(g_utf8_next_char(text) - text);
	if (format_is_unsafe(c)) {
		*columns = (unsigned)g_snprintf(piece, 16, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		return n;
	}
	memcpy(piece, text, n);
	piece[n] = 0;
	*columns = g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
	return n;
}

unsigned format_safe(GString *out, const char *text, unsigned columns)
{
	unsigned used = 0, width, fits_columns = 0;
	size_t fits_bytes = out->len, n;
	char piece[16];

	for (; *text; text += n) {
		n = format_piece(piece, &width, text);
		if (columns && used + width > columns)
			break;
		g_string_append(out, piece);
		used += width;
		/* the longest beginning that still leaves room for "..." */
		if (used + 3 <= columns) {
			fits_bytes = out->len;
			fits_columns = used;
		}
	}
	if (!*text)
		return used;
	g_string_truncate(out, fits_bytes);
	if (columns < 3)
		return fits_columns;
	g_string_append(out, "...");
	return fits_columns + 3;
}
