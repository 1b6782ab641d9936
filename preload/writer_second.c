/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_second.c - what the writer does once a second, sampling or not: the
 * process's memory and CPU time, the profiler's own, and the things that go
 * stale unless somebody looks.  See writer_loop.h.
 */
#include "arena.h"
#include "bell.h"
#include "blocks.h"
#include "cpu_perf.h"
#include "drain.h"
#include "encode.h"
#include "engine.h"
#include "live.h"
#include "proc.h"
#include "ring.h"
#include "roster.h"
#include "stack.h"
#include "state.h"
#include "sys.h"
#include "writer_loop.h"

static uint64_t self_bytes(void)
{
	return loop_arena()->mapped_bytes + ring_touched_bytes() + live_bytes() + stack_bytes() +
	       encode_touched_bytes() + blocks_bytes();
}

#define GRACE_NS UINT64_C(5000000) /* for who is in the middle of a record */

static void free_ring(void)
{
	_Atomic uint32_t nothing = 0;

	ring_close();
	sys_futex_wait(&nothing, 0, GRACE_NS);
	drain_held_up();
	ring_replace();
}

void loop_every_second(uint64_t now)
{
	uint64_t rss = 0, vsize = 0, peak = 0;

	proc_memory(&rss, &vsize, &peak);
	encode_process_stats(now, thread_process_cpu_ns(), rss, vsize,
			     sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) + bell_cpu_ns(), self_bytes(),
			     peak);
	engine_look_after();
	if (state_cpu_engine() == STATE_CPU_PERF)
		cpu_perf_count_lost();
	if (ring_is_stuck(now))
		free_ring();
	ring_trim();
	if (roster_first() && !roster_first()->main)
		roster_look_for_gone(); /* main has left: we must not be the last to stay */
}
