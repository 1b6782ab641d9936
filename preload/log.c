/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - see log.h.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "held_signals.h"
#include "sys.h"

#define LINE_BYTES 1024

static struct stat stderr_at_start;

void log_init(void)
{
	if (sys_fstat(2, &stderr_at_start) < 0)
		stderr_at_start.st_ino = 0;
}

/* True when descriptor 2 is what it was (a program may have its data there by now) and
 * a write will not wait. */
static bool may_write(void)
{
	struct pollfd ready = { .fd = 2, .events = POLLOUT };
	struct timespec now = { 0, 0 };
	struct stat st;
	int err = sys_fstat(2, &st);

	if (err == -EBADF ||
	    (!err && (st.st_ino != stderr_at_start.st_ino || st.st_dev != stderr_at_start.st_dev)))
		return false;
	return SYS_CALL(SYS_ppoll, &ready, 1, &now, NULL, 0, 0) == 1 && ready.revents & POLLOUT;
}

void log_line(unsigned level, const char *format, ...)
{
	char line[LINE_BYTES] = "libprof: ";
	size_t n = strlen(line);
	struct held_signals held;
	long err;
	va_list args;

	if (config.verbose < level || !may_write())
		return;
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - n - 1, format, args);
	va_end(args);
	/* Values of variables may hold anything; a terminal must not obey them. */
	for (n = 0; line[n]; n++)
		if ((unsigned char)line[n] < ' ' || line[n] == 0x7f)
			line[n] = '?';
	line[n++] = '\n';
	if (!signals_hold(&held))
		return;
	err = sys_write(2, line, n);
	signals_let_go(&held, err == -EPIPE || err == -EFBIG);
}
