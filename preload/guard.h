/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.h - a stretch of our own code on a thread of the program: hooks met
 * inside only forward, and signals wait until its end (which ones: sys.h).  A
 * handler of the program may siglongjmp out of whatever it interrupted, and
 * asynchronous cancellation is a signal too: a lock left held there would stop
 * every other thread (but for a thread's own lock at its start and end: see leave() in
 * thread.c).  Nothing inside may fault: the kernel kills for a fault that is blocked.
 * Two system calls, so only where locks are touched.
 */
#ifndef PROF_GUARD_H
#define PROF_GUARD_H

#include <stdint.h>

#include "sys.h"
#include "thread.h"

struct guard {
	uint64_t mask; /* the thread's, to be restored */
};

static inline void guard_enter(struct guard *g)
{
	const uint64_t held = SIGNALS_HELD;

	g->mask = 0;
	SYS_CALL(SYS_rt_sigprocmask, SIG_BLOCK, &held, &g->mask, sizeof(g->mask), 0, 0);
	thread_tls.busy++;
}

static inline void guard_leave(const struct guard *g)
{
	thread_tls.busy--;
	SYS_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &g->mask, NULL, sizeof(g->mask), 0, 0);
}

#endif
