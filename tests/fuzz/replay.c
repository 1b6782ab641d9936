/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - runs a target over files and directories of files, without a
 * fuzzer: what was found once must not come back.
 *
 * Usage: fuzz_X FILE|DIRECTORY...
 */
#include <dirent.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned replayed;

/* A target without a set-up has none. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void replay(const char *path)
{
	const char *name;
	char *bytes, *child;
	gsize size;
	GDir *dir = g_dir_open(path, 0, NULL);

	if (dir) {
		while ((name = g_dir_read_name(dir))) {
			child = g_build_filename(path, name, NULL);
			replay(child);
			g_free(child);
		}
		g_dir_close(dir);
		return;
	}
	fuzz_require(g_file_get_contents(path, &bytes, &size, NULL), path);
	LLVMFuzzerTestOneInput((const uint8_t *)bytes, size);
	g_free(bytes);
	replayed++;
}

int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u inputs\n", replayed);
	return 0;
}
