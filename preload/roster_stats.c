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

/* The thread that ends the process leaves its own getrusage; of the others /proc
 * tells, in whole ticks. */
static bool read_split(struct thread_info *t)
{
	const struct thread_state *s = t->state;
	uint64_t user, system;

	if (s && s->totals.user_ns + s->totals.system_ns)
		return true; /* thread_read_totals has given them */
	if (proc_thread_times((uint32_t)state.pid, t->tid, &user, &system))
		return false;
	t->totals.user_ns = s && user > s->base_user_ns ? user - s->base_user_ns : user;
	t->totals.system_ns = s && system > s->base_system_ns ? system - s->base_system_ns : system;
	return true;
}

/* Totals of a living thread.  The kernel's split into user and system time
 * costs a file to read, so it is only taken where asked. */
static unsigned read_totals(struct thread_info *t, bool split)
{
	unsigned flags = PROF_STATS_CPU;

	if (t->state)
		thread_read_totals(t->state, &t->totals);
	else
		t->totals.cpu_ns = sys_clock_ns(sys_thread_cpu_clock((int)t->tid));
	if (!t->totals.cpu_ns)
		return 0;
	t->sampled_ns = 0;
	if (split && read_split(t))
		flags |= PROF_STATS_RUSAGE;
	return flags;
}

void roster_encode_stats(uint64_t t_ns, bool all, roster_flush *flush)
{
	for (struct thread_info *t = roster_first(); t; t = t->next) {
		unsigned flags;

		if (!all && !t->active)
			continue;
		flags = read_totals(t, all);
		if (flags)
			encode_thread_stats(t_ns, t, flags);
		t->active = false;
		if (encode_full())
			flush(t_ns);
	}
}

void roster_look_for_gone(void)
{
	struct thread_totals totals;

	for (struct thread_info *t = roster_first(); t; t = t->next)
		if (t->state)
			thread_read_totals(t->state, &totals);
}
