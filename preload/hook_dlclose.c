/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_dlclose.c - unloading, where perf does not tell of mappings: what was
 * recorded in a library has to be told apart from what is recorded in the one that
 * takes its place.  dlopen is left alone, since it looks at who is calling;
 * unknown addresses show what it has loaded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>

#include "hook.h"
#include "real.h"
#include "state.h"
#include "thread.h"
#include "unload.h"

/* [hook] */
HOOK int dlclose(void *object)
{
	bool blind = state_phase() == STATE_ON && !thread_tls.busy &&
		     state_cpu_engine() != STATE_CPU_PERF && state_is_here();
	struct unload_list *before;
	int result, saved = errno;

	real_resolve();
	before = blind ? unload_look() : NULL;
	errno = saved;
	result = real.dlclose(object);
	saved = errno;
	unload_report(before);
	errno = saved;
	return result;
}
