/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c - see log.h.
 */
#include "log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "sys.h"

#define LINE_BYTES 1024
#define MASK_BYTES 8u
#define BIT(sig) (UINT64_C(1) << ((sig)-1))

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

/* A pipe that nobody reads and a file at RLIMIT_FSIZE answer a write with a signal that
 * ends the program: it is taken back before anybody sees it. */
static void write_without_signal(const char *line, size_t n)
{
	const uint64_t both = BIT(SIGPIPE) | BIT(SIGXFSZ);
	struct timespec now = { 0, 0 };
	uint64_t old = 0, pending = 0, ours;
	long err;

	if (SYS_CALL(SYS_rt_sigprocmask, SIG_BLOCK, &both, &old, MASK_BYTES, 0, 0) < 0)
		return;
	if (old & both) /* one that waits already is the program's */
		SYS_CALL(SYS_rt_sigpending, &pending, MASK_BYTES, 0, 0, 0, 0);
	err = sys_write(2, line, n);
	ours = both & ~pending;
	if (err == -EPIPE || err == -EFBIG)
		SYS_CALL(SYS_rt_sigtimedwait, &ours, NULL, &now, MASK_BYTES, 0, 0);
	SYS_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, MASK_BYTES, 0, 0);
}

void log_line(unsigned level, const char *format, ...)
{
	char line[LINE_BYTES] = "libprof: ";
	size_t n = strlen(line);
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
	write_without_signal(line, n);
}
