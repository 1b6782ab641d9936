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

/* What a program that unloads without end may be kept waiting in all: so much, and half of
 * its time. */
#define WAITS_NS UINT64_C(10000000000)
#define WAITS_SHARE 2u

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

/* [hook] Has the writer unwind what was recorded in the library while it is there. */
static void let_the_writer_catch_up(void)
{
	static _Atomic uint64_t began, waited;
	uint64_t now = sys_now_ns(), first = 0;

	if (atomic_compare_exchange_strong(&began, &first, now))
		first = now;
	if (atomic_load(&waited) > WAITS_NS + (now - first) / WAITS_SHARE)
		return;
	writer_request(WRITER_DRAIN, config.heap_bytes == 1 ? EXACT_DRAIN_NS : DRAIN_NS);
	atomic_fetch_add(&waited, sys_now_ns() - now);
}

/* [hook] */
HOOK int dlclose(void *object)
{
	bool blind = state_phase() == STATE_ON && !thread_tls.busy &&
		     state_cpu_engine() != STATE_CPU_PERF && sys_getpid() == state.pid;
	int result, saved = errno;

	real_resolve();
	if (blind)
		let_the_writer_catch_up();
	errno = saved;
	result = real.dlclose(object);
	saved = errno;
	if (blind)
		note_new_picture();
	errno = saved;
	return result;
}
