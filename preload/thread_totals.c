/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_totals.c - see thread.h: CPU clocks and allocation counters of threads, read by
 * themselves and by the writer; and who has ended by the bare exit call, which nobody is told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cpu_timer.h"
#include "guard.h"
#include "proc.h"
#include "sys.h"
#include "thread_private.h"

#define LOOKS_BY_WORD 8u /* of which one is at memory */

void thread_own_clock(const struct thread_state *t, struct thread_totals *totals)
{
	uint64_t cpu_ns = sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);

	if (cpu_ns) /* else a sandbox refuses it: what is known stays */
		totals->cpu_ns = cpu_ns - t->base_cpu_ns;
}

void thread_own_split(const struct thread_state *t, struct thread_totals *totals)
{
	struct rusage ru;

	if (SYS_CALL(SYS_getrusage, RUSAGE_THREAD, &ru, 0, 0, 0, 0) == 0) {
		totals->user_ns = (uint64_t)ru.ru_utime.tv_sec * 1000000000u +
				  (uint64_t)ru.ru_utime.tv_usec * 1000u - t->base_user_ns;
		totals->system_ns = (uint64_t)ru.ru_stime.tv_sec * 1000000000u +
				    (uint64_t)ru.ru_stime.tv_usec * 1000u - t->base_system_ns;
	}
}

void thread_take_counters(const struct thread_state *t, const struct thread_tls *tls,
			  struct thread_totals *totals)
{
	totals->alloc_calls = tls->calls - t->base_calls;
	totals->alloc_bytes = tls->bytes + tls->gap - tls->countdown - t->base_bytes;
}

/* A thread that ended by the bare exit call has told nobody, and its stack, with
 * its TLS, may be gone: it is read through the kernel. */
static void read_counters(const struct thread_state *t, struct thread_totals *totals)
{
	struct thread_tls copy;
	ssize_t got = sys_read_own_memory((uint64_t)(uintptr_t)t->tls, &copy, sizeof(copy));

	if (got == (ssize_t)sizeof(copy))
		thread_take_counters(t, &copy, totals);
	else if (got != -EFAULT)
		thread_take_counters(t, t->tls, totals); /* the kernel call is refused here */
}

/* The first thread of a process that has ended by the bare exit call stays for as long as any
 * other is there, us for one, and still has a clock; memory it has none.  The kernel clears its
 * tid, unless the program has had another word cleared (set_tid_address): now and then memory
 * is asked for all the same. */
static bool is_gone_leader(const struct thread_state *t)
{
	static unsigned looks;
	uint32_t word = 0;
	char pages[8] = "";
	ssize_t got;

	if (t != thread_lives.leader)
		return false;
	if (thread_lives.leader_tid && atomic_load(thread_lives.leader_tid) &&
	    ++looks % LOOKS_BY_WORD)
		return false;
	got = sys_read_memory_of((int)t->tid, (uint64_t)(uintptr_t)&t->tid, &word, sizeof(word));
	if (got == sizeof(word) || got == -ESRCH)
		return got < 0;
	return proc_read("/proc/self/statm", pages, sizeof(pages)) > 0 && pages[0] == '0';
}

/* Its lock is held. */
static void note_end(struct thread_state *t)
{
	bool leader = t == thread_lives.leader;

	t->tls = NULL;
	if (t->timer_id >= 0)
		cpu_timer_detach(t->timer_id);
	t->timer_id = -1;
	t->t_end = sys_now_ns();
	if (leader)
		thread_lives.leader = NULL; /* its state may become another's */
	if (atomic_fetch_sub(&thread_lives.count, 1) == 1)
		thread_lives.leader_was_last = leader;
	atomic_store_explicit(&t->life, THREAD_ENDED, memory_order_release);
}

void thread_read_totals(struct thread_state *t, struct thread_totals *totals)
{
	uint64_t cpu_ns;

	if (!thread_lock_for(t)) {
		if (t->tls && sys_thread_is_gone((int)t->tid))
			note_end(t); /* with the lock */
		*totals = t->totals;
		return;
	}
	if (t->tls) {
		cpu_ns = sys_clock_ns(sys_thread_cpu_clock((int)t->tid));
		if (cpu_ns) {
			t->totals.cpu_ns = cpu_ns - t->base_cpu_ns;
			read_counters(t, &t->totals);
		}
		if (cpu_ns ? is_gone_leader(t) : sys_thread_is_gone((int)t->tid))
			note_end(t);
	}
	*totals = t->totals;
	lock_drop(&t->lock);
}

void thread_look_at_leader(void)
{
	struct thread_state *t = thread_lives.leader;
	struct thread_totals totals;

	if (t && atomic_load_explicit(&t->life, memory_order_acquire) == THREAD_LIVE &&
	    is_gone_leader(t))
		thread_read_totals(t, &totals);
}

bool thread_leader_has_gone(void)
{
	const _Atomic uint32_t *tid = thread_lives.leader_tid;
	struct guard g;

	if (tid && atomic_load_explicit(tid, memory_order_acquire))
		return false;
	guard_enter(&g);
	thread_look_at_leader();
	guard_leave(&g);
	thread_lives.leader_was_last = false;
	return !thread_live_count();
}

int thread_leader_status(void)
{
	char line[1024] = "";
	const char *last;

	if (!thread_lives.leader_was_last || proc_read("/proc/self/stat", line, sizeof(line)) <= 0)
		return -1;
	last = strrchr(line, ' '); /* exit_code, proc(5) */
	return last ? (int)(strtol(last, NULL, 10) >> 8 & 0xff) : -1;
}

uint64_t thread_process_cpu_ns(void)
{
	uint64_t now = sys_clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	return now > thread_lives.base_cpu_ns ? now - thread_lives.base_cpu_ns : 0; /* 0: refused */
}

void thread_snapshot_self(void)
{
	struct thread_state *t = thread_tls.self;
	struct thread_totals totals = { 0 };
	struct guard g;

	if (!t)
		return;
	thread_own_split(t, &totals);
	guard_enter(&g); /* a handler may call _exit, and come here again */
	lock_take(&t->lock);
	t->totals.user_ns = totals.user_ns;
	t->totals.system_ns = totals.system_ns;
	lock_drop(&t->lock);
	guard_leave(&g);
}
