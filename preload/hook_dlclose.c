/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_dlclose.c - unloading, where perf does not tell of mappings: what was
 * recorded in a library has to be unwound before another one can take its
 * place, and what comes afterwards belongs to a new picture.  dlopen is left
 * alone, since it looks at who is calling; unknown addresses show what it
 * has loaded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>

#include "config.h"
#include "guard.h"
#include "hook.h"
#include "real.h"
#include "ring.h"
#include "state.h"
#include "sys.h"
#include "thread.h"
#include "writer.h"

#define DRAIN_NS UINT64_C(10000000)
#define EXACT_DRAIN_NS UINT64_C(100000000) /* as long as an event may wait there */

/* [hook] */
static void note_new_picture(void)
{
	struct ring_event *e;
	const struct thread_state *t;
	struct guard g;

	guard_enter(&g);
	t = thread_self();
	e = t ? ring_reserve(RING_SHORT_BYTES, RING_MAPS) : NULL;
	if (e) {
		e->t_ns = sys_now_ns();
		e->thread = t->index;
		e->tid = t->tid;
		ring_commit(e);
	}
	guard_leave(&g);
}

/* [hook] */
HOOK int dlclose(void *object)
{
	bool blind = state_phase() == STATE_ON && !thread_tls.busy &&
		     state_cpu_engine() != STATE_CPU_PERF && sys_getpid() == state.pid;
	int result, saved = errno;

	real_resolve();
	if (blind)
		writer_request(WRITER_DRAIN, config.heap_bytes == 1 ? EXACT_DRAIN_NS : DRAIN_NS);
	errno = saved;
	result = real.dlclose(object);
	saved = errno;
	if (blind)
		note_new_picture();
	errno = saved;
	return result;
}
