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
	ring_trim();
	if (roster_first() && !roster_first()->main)
		roster_look_for_gone(); /* main has left: we must not be the last to stay */
}
