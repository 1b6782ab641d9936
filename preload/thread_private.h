/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_private.h - between thread.c, which begins and ends threads, and thread_totals.c, which
 * reads what they used and finds those that ended without a word.
 */
#ifndef PROF_THREAD_PRIVATE_H
#define PROF_THREAD_PRIVATE_H

#include "thread.h"

struct thread_lives {
	_Atomic uint32_t count;	     /* see thread_live_count */
	_Atomic uint32_t leaving;    /* threads in their last steps */
	struct thread_state *leader; /* main's */
	/* Its tid until the kernel clears it at its end, in memory that stays; NULL: not known. */
	const _Atomic uint32_t *leader_tid;
	_Atomic bool leader_was_last;
	uint64_t base_cpu_ns; /* used by the process before the trace */
};
extern struct thread_lives thread_lives __attribute__((visibility("hidden")));

/* [hook] The calling thread's CPU clock, and what of that was user and system time: the exact
 * figures that only the thread itself can read for next to nothing. */
void thread_own_clock(const struct thread_state *t, struct thread_totals *totals);
void thread_own_split(const struct thread_state *t, struct thread_totals *totals);

/* [hook] [writer] What tls, or a copy of it, counts. */
void thread_take_counters(const struct thread_state *t, const struct thread_tls *tls,
			  struct thread_totals *totals);

/* [hook] Of two threads that are left, one is leaving: whether main is the other, and has gone
 * without a word. */
bool thread_leader_has_gone(void);

#endif
