/* SPDX-License-Identifier: Apache-2.0
 *
 * debuginfod.c - the three calls of libdebuginfod's stable interface that are
 * needed, by dlopen: it brings a whole HTTP client, which most never use.
 * Runs in the child process, under its time limit.
 */
#include "debuginfod.h"

#include <dlfcn.h>
#include <stdlib.h>

struct debuginfod_client;

int debuginfod_open(const uint8_t *build_id, size_t build_id_len)
{
	struct debuginfod_client *(*begin)(void);
	int (*find)(struct debuginfod_client *, const unsigned char *, int, char **);
	struct debuginfod_client *client;
	void *library;

	if (!getenv("DEBUGINFOD_URLS"))
		return -1;
	/* It and the client live as long as the child. */
	library = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library)
		return -1;
	*(void **)&begin = dlsym(library, "debuginfod_begin");
	*(void **)&find = dlsym(library, "debuginfod_find_debuginfo");
	client = begin && find ? begin() : NULL;
	dlclose(library);
	return client ? find(client, build_id, (int)build_id_len, NULL) : -1;
}
