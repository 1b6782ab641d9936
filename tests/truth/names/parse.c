/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c - the other half of the program of engine.c.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine.h"

extern volatile long sink;

static __attribute__((noinline)) long helper(long x)
{
	return (long)mix((uint64_t)x) + sink;
}

static __attribute__((noinline)) int complain(struct machine *m, const char *format, ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return m->refuse(m, text);
}

static inline const char *skip(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

static const char *number(struct machine *m, const char *at, long *value)
{
	char *end;

	*value = strtol(at, &end, 0);
	if (end == at)
		complain(m, "no number at %s", at);
	return skip(end);
}

static int by_value(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

size_t parse_line(struct machine *m, const char *line, uint8_t *code)
{
	struct cell cells[8] = { 0 };
	size_t n = 0;
	long value;

	for (const char *at = skip(line); *at && n < 200;) {
		if (isdigit((unsigned char)*at)) {
			at = number(m, at, &value);
			cells[n & 7].value = value;
			code[n++] = (uint8_t)(value & 7);
			continue;
		}
		switch (*at) {
		case '+': code[n++] = 1; break;
		case '-': code[n++] = 2; break;
		case '!': code[n++] = (uint8_t)helper(*at) & 7; break;
		case '=':
			code[n] = find(m, n) ? 6 : 7;
			n++;
			break;
		default: complain(m, "what is %c", *at);
		}
		at = skip(at + 1);
	}
	qsort(cells, 8, sizeof(*cells), by_value);
	sink = cells[0].value;
	return n;
}
