/* SPDX-License-Identifier: Apache-2.0
 *
 * p_early.c - a library whose constructor, the first of all, makes the
 * process's first allocation by the entry that EARLY names (memalign,
 * aligned_alloc, posix_memalign, calloc, realloc, valloc, free, dlsym,
 * usable); meant to be preloaded before or behind another library.
 *
 * flags: -shared -fPIC
 * libs: -ldl
 */
#include "work.h"

#include <dlfcn.h>
#include <malloc.h>
#include <string.h>

extern char **environ;
static void *volatile early_block;
static const char *early_kind = "none";

static const char *setting(void)
{
	for (char **e = environ; e && *e; e++)
		if (!strncmp(*e, "EARLY=", 6))
			return *e + 6;
	return "malloc";
}

static __attribute__((constructor(101))) void first_of_all(void)
{
	const char *kind = setting();
	void *block = NULL;

	early_kind = kind;
	if (!strcmp(kind, "memalign"))
		early_block = memalign(64, 5000);
	else if (!strcmp(kind, "aligned_alloc"))
		early_block = aligned_alloc(64, 6400);
	else if (!strcmp(kind, "posix_memalign"))
		early_block = posix_memalign(&block, 64, 5000) ? NULL : block;
	else if (!strcmp(kind, "calloc"))
		early_block = calloc(500, 10);
	else if (!strcmp(kind, "realloc"))
		early_block = realloc(NULL, 5000);
	else if (!strcmp(kind, "valloc"))
		early_block = valloc(5000);
	else if (!strcmp(kind, "free"))
		free(NULL);
	else if (!strcmp(kind, "usable"))
		early_block = malloc_usable_size(NULL) ? NULL : malloc(1);
	else if (!strcmp(kind, "dlsym"))
		for (int i = 0; i < 100; i++) {
			early_block = calloc(1, 65536); /* a store no compiler takes out */
			free(early_block);
			(void)dlsym(RTLD_DEFAULT, "no_such_function_at_all");
			(void)dlerror();
			early_block = NULL;
		}
	else
		early_block = malloc(5000);
	if (early_block)
		memset(early_block, 0x5a, malloc_usable_size(early_block));
}

static __attribute__((destructor)) void last_of_all(void)
{
	early_block = realloc(early_block, 100000);
	printf("early %s %d\n", early_kind, early_block != NULL);
	free(early_block);
}
