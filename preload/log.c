/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - see log.h.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "sys.h"

#define LINE_BYTES 1024

void log_line(unsigned level, const char *format, ...)
{
	char line[LINE_BYTES] = "libprof: ";
	size_t n = strlen(line);
	va_list args;

	if (config.verbose < level)
		return;
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - n - 1, format, args);
	va_end(args);
	/* Values of variables may hold anything; a terminal must not obey them. */
	for (n = 0; line[n]; n++)
		if ((unsigned char)line[n] < ' ' || line[n] == 0x7f)
			line[n] = '?';
	line[n++] = '\n';
	sys_write(2, line, n);
}
