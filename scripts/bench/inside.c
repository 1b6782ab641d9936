/* SPDX-License-Identifier: Apache-2.0
 *
 * inside.c - linked in front of the library's own objects, in place of aside.c, it
 * makes the libprof-bench.so of the benchmark: the library itself, but for two things.
 * It records under valgrind too, so that callgrind can count all that it does; and
 * where BENCH_INSIDE names a file, every stack is walked by libunwind, too, and the
 * process adds a line to that file when it ends.  No time is taken with it.
 *
 *	unwound EXE STACKS BY_LIBUNWIND FRAMES FRAMES_BY_ROW ROWS_MADE CHECKED DISAGREED
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../preload/aside.h"
#include "../../preload/unwind.h"

static char file[4096], exe[4096];

const char *aside_reason(void)
{
	return NULL;
}

int aside_leave_word(const char *reason)
{
	(void)reason;
	return 0;
}

__attribute__((constructor(101))) static void look_in(void)
{
	const char *path = getenv("BENCH_INSIDE");

	if (!path || readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return;
	snprintf(file, sizeof(file), "%s", path);
	unwind_self_check = true;
}

/* First in the order of linking: after the library's own, which ends the writer. */
__attribute__((destructor(101))) static void say_what_was_seen(void)
{
	const struct unwind_stats *s = &unwind_stats;
	FILE *to = *file ? fopen(file, "ae") : NULL;

	if (!to)
		return;
	fprintf(to, "unwound %s %llu %llu %llu %llu %llu %llu %llu\n", exe,
		(unsigned long long)s->stacks, (unsigned long long)s->stacks_by_libunwind,
		(unsigned long long)s->frames, (unsigned long long)s->frames_by_row,
		(unsigned long long)s->rows_made, (unsigned long long)s->checked,
		(unsigned long long)s->disagreed);
	fclose(to);
}
