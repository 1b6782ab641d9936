/* SPDX-License-Identifier: Apache-2.0
 *
 * out_file.h - where a command writes: stdout, or a file that appears whole or
 * not at all.  For opts.c, out_dump.c and check.c.
 */
#ifndef PROF_OUT_FILE_H
#define PROF_OUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct out_file {
	FILE *stream;
	const char *path; /* NULL: stdout; borrowed */
	char *temporary;  /* renamed to path in the end; NULL: written directly */
};

/* path NULL: stdout.  A regular file is written under a temporary name beside
 * it; a device or pipe directly.  False after a message, with nothing to
 * close. */
bool out_file_open(struct out_file *file, const char *path);

/* False after a message when anything could not be written; a file that was
 * there before is then as it was. */
bool out_file_close(struct out_file *file);

/* Leaves no new file behind. */
void out_file_abandon(struct out_file *file);

#endif
