/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - see clock.h.
 */
#define _GNU_SOURCE
#include "clock.h"

#include <dlfcn.h>
#include <string.h>

#include "sys.h"

#define VDSO_NAME "linux-vdso.so.1"
#define VDSO_SYMBOL "__vdso_clock_gettime"

int (*sys_vdso_clock_gettime)(clockid_t, struct timespec *);

/* The loader has the vDSO in its list, so it can be asked like any library. */
void clock_init(void)
{
	void *vdso = dlopen(VDSO_NAME, RTLD_LAZY | RTLD_NOLOAD), *found;

	if (!vdso)
		return;
	found = dlsym(vdso, VDSO_SYMBOL);
	memcpy(&sys_vdso_clock_gettime, &found, sizeof(found));
	dlclose(vdso);
}
