/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c - see state.h: this process's state, and what a fork does to it.
 */
#define _GNU_SOURCE
#include "state.h"

#include "config.h"
#include "cpu_timer.h"
#include "engine.h"
#include "header.h"
#include "heap.h"
#include "live.h"
#include "log.h"
#include "ring.h"
#include "signal_mask.h"
#include "sys.h"
#include "thread.h"
#include "writer.h"

struct state state = { .phase = STATE_NEW };

/* [init] [child] A forked child finds the page wiped, whichever way it was made. */
void state_mark_ours(void)
{
	const size_t page = 4096;

	state.pid = sys_getpid();
	state.by_libc = false;
	if (!state.same)
		state.same = sys_map(page);
	if (state.same && SYS_CALL(SYS_madvise, state.same, page, MADV_WIPEONFORK, 0, 0, 0) < 0) {
		sys_unmap(state.same, page);
		state.same = NULL;
	}
	if (state.same)
		atomic_store(state.same, 1);
}

bool state_is_ours(void)
{
	if (state.same)
		return atomic_load_explicit(state.same, memory_order_relaxed);
	return sys_getpid() == state.pid;
}

bool state_recording(void)
{
	uint32_t phase = state_phase();

	if (phase == STATE_ON && !state_is_ours()) {
		/* Made by a bare clone: no handler ran, and libc's locks are as another thread
		 * may have held them. */
		bool threaded = thread_live_count() > 1 && !state.by_libc;

		state_reset_in_child();
		if (threaded)
			atomic_store(&state.phase, STATE_INERT);
		phase = state_phase();
	}
	if (phase == STATE_CHILD) {
		state_start_child();
		phase = state_phase();
	}
	return phase == STATE_ON;
}

void state_reset_in_child(void)
{
	if (state_phase() == STATE_INERT || state_phase() == STATE_NEW)
		return;
	if (state_phase() == STATE_DONE) {
		/* The parent's trace had ended, perhaps because no call may be made. */
		atomic_store(&state.phase, STATE_INERT);
		return;
	}
	cpu_timer_leave_in_child(); /* by what tells the parent and the child apart */
	state_mark_ours();
	signal_mask_give_back(thread_tls.self);
	atomic_store(&state.phase, config.children ? STATE_CHILD : STATE_INERT);
	atomic_store(&state.cpu, STATE_CPU_OFF);
	atomic_store(&state.sampling, false);
	live_reset();
	ring_forget(thread_tls.self && atomic_load(&thread_tls.self->recording));
	writer_reset_in_child();
	if (config.children) {
		heap_reset_in_child();
		thread_reset_in_child();
	}
}

void state_start_child(void)
{
	const char *why = NULL;

	if (!state_is_here())
		state_reset_in_child(); /* _Fork runs no handler */
	if (state_phase() != STATE_CHILD)
		return;
	thread_tls.busy++;
	header_gather();
	if (ring_init(config_ring_bytes()) == 0) {
		atomic_store(&state.sampling, !config.delay_ms);
		atomic_store(&state.phase, STATE_ON);
		if (writer_start(true, &why))
			atomic_store(&state.phase, STATE_INERT);
	} else {
		why = "no memory for the event ring";
		atomic_store(&state.phase, STATE_INERT);
	}
	if (why)
		log_line(1, "nothing can be recorded in this child: %s", why);
	thread_tls.busy--;
}
