/* SPDX-License-Identifier: Apache-2.0
 *
 * p_slow_close.c - a dlclose that takes its time to return once the library is gone, as that of
 * a thread which has to wait for a CPU; meant to be preloaded behind another library.
 *
 * flags: -shared -fPIC
 * libs: -ldl
 */
#define _GNU_SOURCE
#include "work.h"

#include <dlfcn.h>

int dlclose(void *object)
{
	int (*next)(void *);
	int result;

	*(void **)&next = dlsym(RTLD_NEXT, "dlclose");
	result = next(object);
	work_sleep_ms(60);
	return result;
}
