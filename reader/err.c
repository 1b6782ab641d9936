/* SPDX-License-Identifier: Apache-2.0
 *
 * err.c - messages of the reader.  One fprintf() a message, so that lines of
 * several processes on one stderr do not mix.
 */
#include "err.h"

#include <inttypes.h>
#include <stdio.h>

#include "format_units.h"

#define ERR_TEXT(id, text) text,

const char *err_text(enum err err)
{
	static const char *const texts[] = { ERR_LIST(ERR_TEXT) };

	return (unsigned)err < ERR_COUNT ? texts[err] : "unknown error";
}

char *err_safe(const char *text)
{
	GString *out = g_string_new(NULL);

	format_safe(out, text, 0);
	return g_string_free(out, FALSE);
}

void err_at(const char *path, uint64_t offset, const char *what, enum err err, const char *detail)
{
	char *safe_path = err_safe(path);
	char *safe_detail = err_safe(detail ? detail : "");

	fprintf(stderr, "prof: %s: offset %" PRIu64 ": %s: %s%s%s%s\n", safe_path, offset, what,
		err_text(err), detail ? " (" : "", safe_detail, detail ? ")" : "");
	g_free(safe_detail);
	g_free(safe_path);
}

void err_say(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "prof: %s\n", text);
	g_free(text);
}
