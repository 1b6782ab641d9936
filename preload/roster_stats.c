/* SPDX-License-Identifier: Apache-2.0
 *
 * roster_stats.c - what the clocks and counters of living threads say; see
 * roster.h.  Those of threads that have ended are in their states already.
 */
#include "encode.h"
#include "proc.h"
#include "roster.h"
#include "state.h"
#include "sys.h"

/* Totals of a living thread.  The kernel's split into user and system time
 * costs a file to read, so it is only taken where asked. */
static unsigned read_totals(struct thread_info *t, bool split)
{
	uint64_t user, system, base_user, base_system;
	unsigned flags = PROF_STATS_CPU;

	if (t->state)
		thread_read_totals(t->state, &t->totals);
	else
		t->totals.cpu_ns = sys_clock_ns(sys_thread_cpu_clock((int)t->tid));
	if (!t->totals.cpu_ns)
		return 0;
	t->sampled_ns = 0;
	if (split && proc_thread_times((uint32_t)state.pid, t->tid, &user, &system) == 0) {
		flags |= PROF_STATS_RUSAGE;
		/* /proc counts whole ticks, and so rounds down more than getrusage. */
		base_user = t->state ? t->state->base_user_ns : 0;
		base_system = t->state ? t->state->base_system_ns : 0;
		t->totals.user_ns = user > base_user ? user - base_user : 0;
		t->totals.system_ns = system > base_system ? system - base_system : 0;
	}
	return flags;
}

void roster_encode_stats(uint64_t t_ns, bool all)
{
	for (struct thread_info *t = roster_first(); t; t = t->next) {
		unsigned flags;

		if (!all && !t->active)
			continue;
		flags = read_totals(t, all);
		if (flags) {
			if (!t->segment)
				encode_thread(t);
			encode_thread_stats(t_ns, t->id, flags, &t->totals);
		}
		t->active = false;
	}
}
