/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - see engine.h: the ladder, and what is told of it; what each engine needs of
 * threads and CPUs is in engine_perf.c and engine_timer.c.
 */
#include "engine.h"

#include <stdio.h>
#include <unistd.h>

#include "bell.h"
#include "config.h"
#include "cpu_perf.h"
#include "engine_private.h"
#include "heap.h"
#include "proc.h"
#include "state.h"
#include "sys.h"
#include "trace.h"
#include "unwind_cfi.h"

static struct {
	int perf_error, timer_error, unwind_error;
	const char *perf_why, *timer_why, *heap_why, *unwind_why;
} told;

uint64_t engine_period_ns(void)
{
	return UINT64_C(1000000000) / config.cpu_hz;
}

void engine_each_task(void (*visit)(int tid, void *arg), void *arg)
{
	char path[64];

	if (bell_tid() < 0)
		return; /* one of these is ours and we cannot tell which: next time */
	snprintf(path, sizeof(path), "/proc/%d/task", state.pid);
	proc_each(path, visit, arg);
}

bool engine_is_foreign(int tid)
{
	return tid != sys_gettid() && tid != state.pid && tid != bell_tid();
}

void engine_open(bool apart, struct header_engines *engines)
{
	*engines = (struct header_engines){ .cpu = "off",
					    .heap = heap_engine_name(),
					    .cpu_period_ns = engine_period_ns(),
					    .heap_mean_bytes = heap_mean_bytes(),
					    .cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) };
	told.perf_error = told.timer_error = 0;
	atomic_store(&state.cpu, STATE_CPU_OFF);
	if (config.cpu == CONFIG_CPU_AUTO || config.cpu == CONFIG_CPU_PERF)
		told.perf_error = engine_perf_open(apart, engines, &told.perf_why);
	if (config.cpu == CONFIG_CPU_TIMER || (config.cpu == CONFIG_CPU_AUTO && told.perf_error))
		told.timer_error = engine_timer_open(engines, &told.timer_why);
}

void engine_set_heap_note(const char *why)
{
	told.heap_why = why;
}

void engine_set_unwind_note(int error, const char *why)
{
	told.unwind_error = error;
	told.unwind_why = why;
}

static void report_unwinder(void)
{
	if (told.unwind_error)
		trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, -told.unwind_error, "unwinder",
			     told.unwind_why);
}

void engine_report(void)
{
	static const char *const names[] = { "off", "perf", "timer" };
	unsigned cpu = state_cpu_engine();

	if (told.perf_error)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_DENIED, -told.perf_error, "perf",
			     told.perf_why);
	if (cpu == STATE_CPU_PERF)
		engine_perf_report();
	if (told.timer_error)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_DENIED, -told.timer_error, "timer",
			     told.timer_why);
	if (cpu != STATE_CPU_OFF)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_ON, 0, names[cpu], NULL);
	else if (!told.perf_error && !told.timer_error)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_OFF, 0, "off", "LIBPROF_CPU=off");
	report_unwinder();
	trace_engine(PROF_ENGINE_HEAP,
		     state_heap_engine() != STATE_HEAP_OFF ? PROF_ENGINE_ON
		     : told.heap_why			   ? PROF_ENGINE_DENIED
							   : PROF_ENGINE_OFF,
		     0, heap_engine_name(),
		     told.heap_why			     ? told.heap_why
		     : state_heap_engine() == STATE_HEAP_OFF ? "LIBPROF_HEAP=off"
							     : NULL);
}

void engine_enable(bool on)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		engine_perf_enable(on);
	else if (state_cpu_engine() == STATE_CPU_TIMER)
		engine_timer_enable(on);
}

void engine_look_after(uint64_t process_ns, bool last)
{
	if (!told.unwind_error && unwind_cfi_is_forgone()) {
		engine_set_unwind_note(
			-ENOMEM, "libunwind could not begin (no memory, or no table of "
				 "descriptors of its own any more): stacks follow frame pointers");
		report_unwinder();
	}
	if (state_cpu_engine() == STATE_CPU_PERF && !last)
		engine_perf_widen(process_ns);
	else if (state_cpu_engine() == STATE_CPU_TIMER)
		engine_timer_look_after();
}

void engine_resume(bool apart, bool on, struct header_engines *engines)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		engine_perf_resume(apart, on, engines);
}

void engine_detach(void)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		cpu_perf_detach();
}

void engine_close(void)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		cpu_perf_close();
	else if (state_cpu_engine() == STATE_CPU_TIMER)
		engine_timer_close();
}

const char *engine_denied(bool timer)
{
	if (timer)
		return told.timer_error ? told.timer_why : NULL;
	return told.perf_error ? told.perf_why : NULL;
}
