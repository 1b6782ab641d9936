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
#include "known_stacks.h"
#include "ring.h"
#include "roster.h"
#include "stack.h"
#include "state.h"
#include "sys.h"
#include "writer_loop.h"

static uint64_t self_bytes(void)
{
	return loop_arena()->mapped_bytes + ring_touched_bytes() + live_bytes() + stack_bytes() +
	       encode_touched_bytes() + blocks_bytes() + known_stacks_bytes();
}

/* A program that has used next to nothing since then has the memory it had. */
#define IDLE_CPU_NS INT64_C(50000)
#define IDLE_SECONDS_NS UINT64_C(10000000000)

static struct {
	uint64_t at, program_ns;
} written;

static void write_stats(uint64_t now, uint64_t own_ns, uint64_t process_ns, bool last)
{
	uint64_t rss = 0, vsize = 0, peak = 0;
	int64_t since = (int64_t)(process_ns - own_ns - written.program_ns);

	if (!last && written.at && now - written.at < IDLE_SECONDS_NS && since < IDLE_CPU_NS)
		return;
	written.at = now;
	written.program_ns = process_ns - own_ns;
	proc_memory(&rss, &vsize, &peak);
	encode_process_stats(now, process_ns, rss, vsize, own_ns, self_bytes(), peak);
}

void loop_second_reset(void)
{
	written.at = 0;
}

void loop_every_second(uint64_t now, bool last, bool stats)
{
	/* In this order the program's part is never below 0. */
	uint64_t own_ns = stats ? sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) + bell_cpu_ns() : 0;
	uint64_t process_ns = thread_process_cpu_ns();

	if (stats)
		write_stats(now, own_ns, process_ns, last);
	engine_look_after(process_ns, last);
	thread_look_at_leader();
	if (state_cpu_engine() == STATE_CPU_PERF)
		cpu_perf_count_lost();
	ring_trim();
	if (roster_first() && !roster_first()->main)
		roster_look_for_gone(); /* main has left: we must not be the last to stay */
}
