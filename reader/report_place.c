/* SPDX-License-Identifier: Apache-2.0
 *
 * report_place.c - places that fit.  A cell is the raw name, a tab and the
 * place, which was made safe when the cell was made and so has no tab.
 */
#include "report_place.h"

#include <inttypes.h>
#include <string.h>

#include "format_units.h"

#define PLACE_GAP 2u

char *report_place(const struct function *function, uint32_t line, uint64_t offset)
{
	GString *cell = g_string_new(function->name ? function->name : "");

	if (offset)
		g_string_append_printf(cell, "+0x%" PRIx64, offset);
	g_string_append_c(cell, '\t');
	if (function->file && line) {
		format_safe(cell, function->file, 0);
		g_string_append_printf(cell, ":%" PRIu32, line);
	}
	return g_string_free(cell, FALSE);
}

static bool place_is_word(char c)
{
	return g_ascii_isalnum(c) || c == '_' || c == '~' || (unsigned char)c >= 0x80;
}

/* The length of an operator's name at text, as in `operator<<`; 0: none. */
static size_t place_operator(const char *text, const char *name)
{
	size_t n = strlen("operator");

	if (strncmp(text, "operator", n) || (text > name && place_is_word(text[-1])))
		return 0;
	if (!strncmp(text + n, "()", 2))
		return n + 2;
	n += strspn(text + n, "<>=-");
	return n > strlen("operator") ? n : 0;
}

/* Whether a bracket opens arguments: `name<`, `name(`, but not the `<` of
 * `<T as U>::f` or the bracket of `(anonymous namespace)`. */
static bool place_opens(const char *text, const char *name)
{
	if (*text != '<' && *text != '(')
		return false;
	return text > name && (place_is_word(text[-1]) || strchr(":>)", text[-1])) &&
	       strncmp(text, "(anonymous", 10) != 0;
}

/* A copy of name without arguments: "f<>::g()".  NULL when brackets do not
 * match. */
static char *place_without_arguments(const char *name)
{
	GString *out = g_string_new("");
	unsigned depth = 0;
	size_t n;

	for (const char *p = name; *p; p += n) {
		n = place_operator(p, name);
		if (n && !depth) {
			g_string_append_len(out, p, (gssize)n);
			continue;
		}
		n = n ? n : 1;
		if (n == 1 && depth && (*p == '<' || *p == '('))
			depth++;
		else if (n == 1 && depth && (*p == '>' || *p == ')') && p[-1] != '-')
			depth--;
		else if (n == 1 && !depth && place_opens(p, name) && ++depth)
			g_string_append(out, *p == '<' ? "<>" : "()");
		else if (!depth)
			g_string_append_c(out, *p);
	}
	if (!depth)
		return g_string_free(out, FALSE);
	g_string_free(out, TRUE);
	return NULL;
}

/* Appends name in at most so many columns; what is too much goes from its
 * middle, since many names begin alike. */
static unsigned place_append_name(GString *out, const char *name, unsigned columns)
{
	char *plain = place_without_arguments(name);
	GString *safe = g_string_new("");
	unsigned width = format_safe(safe, name, 0), tail;
	const char *end;

	if (width > columns && plain)
		width = format_safe(g_string_truncate(safe, 0), plain, 0);
	if (width > columns && columns > 16) {
		tail = columns / 2;
		end = safe->str + safe->len;
		for (unsigned i = 0; i < tail; i++)
			end = g_utf8_prev_char(end);
		width = format_safe(out, safe->str, columns - tail);
		width += format_safe(out, end, columns - width);
	} else {
		width = format_safe(out, safe->str, columns);
	}
	g_string_free(safe, TRUE);
	g_free(plain);
	return width;
}

unsigned report_place_append(GString *out, const char *cell, unsigned columns)
{
	const char *tab = strrchr(cell, '\t');
	char *name = tab ? g_strndup(cell, (gsize)(tab - cell)) : g_strdup(cell);
	const char *place = tab ? tab + 1 : "", *base = strrchr(place, '/');
	GString *all = g_string_new("");
	unsigned width = format_safe(all, name, 0), gap = *place ? PLACE_GAP : 0, room;

	width += gap + (unsigned)g_utf8_strlen(place, -1);
	if (columns && width > columns && base) {
		place = base + 1;
		width = format_safe(g_string_truncate(all, 0), name, 0) + gap +
			(unsigned)g_utf8_strlen(place, -1);
	}
	if (!columns || width <= columns) {
		g_string_append_printf(out, "%s%*s%s", all->str, (int)gap, "", place);
	} else {
		/* the place gets half at most, the name what is left */
		g_string_truncate(all, 0);
		room = format_safe(all, place, columns / 2);
		width = place_append_name(out, name, columns - gap - room) + gap + room;
		g_string_append_printf(out, "%*s%s", (int)gap, "", all->str);
	}
	g_string_free(all, TRUE);
	g_free(name);
	return width;
}
