/* SPDX-License-Identifier: Apache-2.0
 *
 * json_write.c - the JSON writer behind out_json*.c: placement of commas and
 * lines, and the escaping of names that come from the profiled program and
 * may be any bytes.  Nothing is allocated and nothing can fail but the stream.
 */
#include "json_write.h"

#include <glib.h>
#include <math.h>
#include <string.h>

#include "format_units.h"

void json_init(struct json_writer *json, FILE *file, unsigned lines_depth)
{
	*json = (struct json_writer){ .file = file, .lines_depth = lines_depth, .first = true };
}

static void json_escape(FILE *file, const char *text)
{
	gunichar c;
	size_t n;

	putc_unlocked('"', file);
	for (; *text; text += n) {
		n = 1;
		if (*text >= 0x20 && *text < 0x7f) {
			if (*text == '"' || *text == '\\')
				putc_unlocked('\\', file);
			if (*text == '<') /* or a name ends the script of a page it is in */
				fputs("\\u003c", file);
			else
				putc_unlocked(*text, file);
			continue;
		}
		c = g_utf8_get_char_validated(text, -1);
		if (c == (gunichar)-1 || c == (gunichar)-2) {
			fputs("\xef\xbf\xbd", file);
		} else if (format_is_unsafe(c)) {
			n = (size_t)(g_utf8_next_char(text) - text);
			/* every unsafe character lies in the first plane */
			fprintf(file, "\\u%04x", c);
		} else {
			n = (size_t)(g_utf8_next_char(text) - text);
			fwrite(text, 1, n, file);
		}
	}
	putc_unlocked('"', file);
}

static void json_new_line(struct json_writer *json)
{
	putc_unlocked('\n', json->file);
	for (unsigned i = 0; i < json->depth; i++)
		putc_unlocked('\t', json->file);
}

/* What stands between the value before and this one. */
static void json_separate(struct json_writer *json)
{
	if (!json->first)
		putc_unlocked(',', json->file);
	if (json->depth && json->depth <= json->lines_depth)
		json_new_line(json);
	else if (!json->first)
		putc_unlocked(' ', json->file);
	json->first = false;
}

static void json_value(struct json_writer *json, const char *name)
{
	json_separate(json);
	if (name)
		fprintf(json->file, "\"%s\": ", name);
}

static void json_begin(struct json_writer *json, const char *name, char bracket)
{
	json_value(json, name);
	putc_unlocked(bracket, json->file);
	json->depth++;
	json->first = true;
}

static void json_end(struct json_writer *json, char bracket)
{
	bool lines = json->depth <= json->lines_depth && !json->first;

	json->depth--;
	if (lines)
		json_new_line(json);
	putc_unlocked(bracket, json->file);
	json->first = false;
	if (!json->depth)
		putc_unlocked('\n', json->file);
}

void json_begin_object(struct json_writer *json, const char *name)
{
	json_begin(json, name, '{');
}

void json_end_object(struct json_writer *json)
{
	json_end(json, '}');
}

void json_begin_array(struct json_writer *json, const char *name)
{
	json_begin(json, name, '[');
}

void json_end_array(struct json_writer *json)
{
	json_end(json, ']');
}

void json_text(struct json_writer *json, const char *name, const char *text)
{
	json_value(json, name);
	if (text)
		json_escape(json->file, text);
	else
		fputs("null", json->file);
}

void json_text_named(struct json_writer *json, const char *name, const char *text)
{
	json_separate(json);
	json_escape(json->file, name);
	fputs(": ", json->file);
	json_escape(json->file, text);
}

void json_uint(struct json_writer *json, const char *name, uint64_t value)
{
	json_value(json, name);
	fprintf(json->file, "%" G_GUINT64_FORMAT, value);
}

void json_int(struct json_writer *json, const char *name, int64_t value)
{
	json_value(json, name);
	fprintf(json->file, "%" G_GINT64_FORMAT, value);
}

void json_bool(struct json_writer *json, const char *name, bool value)
{
	json_value(json, name);
	fputs(value ? "true" : "false", json->file);
}

void json_null(struct json_writer *json, const char *name)
{
	json_value(json, name);
	fputs("null", json->file);
}

/* printf would follow a locale's decimal comma; g_ascii_formatd never does. */
void json_real(struct json_writer *json, const char *name, double value, int decimals)
{
	char format[16], text[G_ASCII_DTOSTR_BUF_SIZE + 320];

	if (!isfinite(value)) {
		json_null(json, name);
		return;
	}
	json_value(json, name);
	g_snprintf(format, sizeof(format), "%%.%df", decimals);
	fputs(g_ascii_formatd(text, sizeof(text), format, value), json->file);
}

void json_address(struct json_writer *json, const char *name, uint64_t value)
{
	json_value(json, name);
	fprintf(json->file, "\"0x%" G_GINT64_MODIFIER "x\"", value);
}
