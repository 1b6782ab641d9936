/* SPDX-License-Identifier: Apache-2.0
 *
 * allocator.c - see allocator.h.
 */
#define _GNU_SOURCE
#include "allocator.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "real.h"

static char text[512];

const char *allocator_behind(void)
{
	Dl_info object;

	if (real_same_object((void *)real.malloc, (void *)real._exit) ||
	    !dladdr((void *)real.malloc, &object))
		return NULL;
	snprintf(text, sizeof(text), "blocks come from %.400s", object.dli_fname);
	return text;
}

/* An executable that takes malloc's address has a stub under that name, whoever
 * serves it; hardly one does so with all of these. */
const char *allocator_in_front(void)
{
	static const char *const names[] = { "malloc", "calloc", "realloc", "memalign" };
	const void *program = (const void *)getauxval(AT_PHDR);
	Dl_info object;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const void *found = dlsym(RTLD_DEFAULT, names[i]);

		if (!found || real_same_object(found, program) || real_same_object(found, text) ||
		    !dladdr(found, &object))
			continue;
		snprintf(text, sizeof(text),
			 "heap not visible: %.200s defines malloc in front of libprof.so, which "
			 "has to come first in LD_PRELOAD",
			 object.dli_fname);
		return text;
	}
	return "heap not visible: the program defines malloc";
}
