/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - see engine.h.
 */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bell.h"
#include "config.h"
#include "cpu_perf.h"
#include "cpu_timer.h"
#include "heap.h"
#include "probe.h"
#include "proc.h"
#include "roster.h"
#include "state.h"
#include "sys.h"
#include "table.h"
#include "trace.h"

/* 31 samples.  Who wants more than 500 a second gets four times as much.  Less, where that were
 * more than so much on all CPUs, and where the locked memory does not allow it. */
#define RING_BYTES (512u << 10)
#define OFTEN_HZ 500u
#define OFTEN_BYTES (2u << 20)
#define LEAST_BYTES (64u << 10)
#define BYTES_OF_ALL (32u << 20)

static struct {
	int perf_error, timer_error;
	int unwind_error;
	const char *perf_why, *timer_why, *heap_why, *unwind_why;
	bool perf_kernel; /* kernel code is sampled */
	bool narrow;	  /* told the trace that a CPU could have no ring */
	bool yielded;	  /* told the trace that the program took SIGPROF */
	bool refused;	  /* told it that a thread could have no timer */
} told;

static uint64_t period_ns(void)
{
	return UINT64_C(1000000000) / config.cpu_hz;
}

/* Calls visit for each thread of the process. */
static void each_task(void (*visit)(int tid, void *arg), void *arg)
{
	char path[64];

	if (bell_tid() < 0)
		return; /* one of these is ours and we cannot tell which: next time */
	snprintf(path, sizeof(path), "/proc/%d/task", state.pid);
	proc_each(path, visit, arg);
}

static bool is_foreign(int tid)
{
	return tid != sys_gettid() && tid != state.pid && tid != bell_tid();
}

/* Threads that threads made before these were followed are found by looking once more, those
 * that went on meanwhile by the table. */
#define LOOKS_MAX 8u

static struct table followed;

struct to_follow {
	uint32_t rings, found;
};

static void follow(int tid, void *arg)
{
	struct to_follow *to = arg;

	if (!is_foreign(tid) || table_get(&followed, (uint32_t)tid))
		return;
	table_put(&followed, (uint32_t)tid, 1);
	cpu_perf_follow(tid, to->rings);
	to->found++;
}

/* All threads there are, but main, which the rings' own events follow; on the newest so many
 * rings. */
static void follow_all(uint32_t rings)
{
	struct to_follow to = { .rings = rings };

	table_clear(&followed);
	for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
		to.found = 0;
		each_task(follow, &to);
		if (!to.found)
			break;
	}
}

static uint32_t ring_bytes(void)
{
	uint32_t bytes = config.cpu_hz > OFTEN_HZ ? OFTEN_BYTES : RING_BYTES;

	while (bytes > LEAST_BYTES &&
	       bytes > BYTES_OF_ALL / (uint64_t)sysconf(_SC_NPROCESSORS_ONLN))
		bytes /= 2;
	return bytes;
}

static struct cpu_perf_options perf_options(void)
{
	return (struct cpu_perf_options){ .period_ns = period_ns(),
					  .stack_bytes = (uint32_t)config.stack_bytes,
					  .tid = state.pid,
					  .ring_bytes = ring_bytes(),
					  .clock_offset_ns = proc_clock_offset_ns() };
}

static int open_perf(struct header_engines *engines)
{
	struct cpu_perf_options options = perf_options();
	struct cpu_perf_info info = { 0 };

	if (probe_survives(PROBE_PERF_EVENT_OPEN)) {
		told.perf_error = cpu_perf_open(&options, &info);
		told.perf_why = info.why;
	} else {
		told.perf_error = -ENOSYS;
		told.perf_why =
			"a seccomp filter kills for perf_event_open: allow it in the sandbox";
	}
	if (told.perf_error)
		return told.perf_error;
	follow_all(UINT32_MAX);
	engines->cpu = "perf";
	engines->cpus = info.cpus;
	engines->cpu_kernel = told.perf_kernel = info.kernel;
	atomic_store(&state.cpu, STATE_CPU_PERF);
	return 0;
}

/* Tasks of this and of the last look that no thread we know of has. */
static struct table strange, strange_before;

/* A thread that has just left us is still a task for a moment: one nobody knows is
 * a thread of its own only when it is there at two looks. */
static bool is_thread(int tid)
{
	if (!is_foreign(tid))
		return false;
	if (roster_has((uint32_t)tid))
		return true;
	table_put(&strange, (uint32_t)tid, 1);
	return table_get(&strange_before, (uint32_t)tid) != NULL;
}

/* A thread met before the engine was open, or never registered at all. */
static void give_timer(int tid, void *arg)
{
	struct thread_info *t = is_thread(tid) ? roster_by_tid((uint32_t)tid, sys_now_ns()) : NULL;

	(void)arg;
	if (!t || t->has_timer || t->state || t->ended)
		return;
	t->timer_id = cpu_timer_attach(tid);
	t->has_timer = t->timer_id >= 0;
	t->seen = t->has_timer;
}

/* The kernel keeps a timer, and counts it among the user's pending signals, when its thread
 * is gone. */
static void take_back_given(void)
{
	struct thread_info *t, *next;

	for (t = roster_first(); t; t = next) {
		next = t->next;
		if (!t->has_timer || !sys_thread_is_gone((int)t->tid))
			continue;
		roster_take_timer(t);
		roster_exited(t->tid, sys_now_ns());
	}
}

static int open_timer(struct header_engines *engines)
{
	if (probe_survives(PROBE_TIMER_CREATE)) {
		told.timer_error = cpu_timer_open(period_ns(), config.seed, &told.timer_why);
	} else {
		told.timer_error = -ENOSYS;
		told.timer_why = "a seccomp filter kills for timer_create: allow it in the sandbox";
	}
	if (!told.timer_error) {
		/* Having the signal is not having a timer. */
		int id = cpu_timer_attach(state.pid);

		if (id < 0) {
			told.timer_error = id;
			told.timer_why = "timer_create(2) is refused (by a sandbox, or "
					 "RLIMIT_SIGPENDING is used up: ulimit -i)";
			cpu_timer_close();
		} else {
			cpu_timer_detach(id);
		}
	}
	if (told.timer_error)
		return told.timer_error;
	engines->cpu = "timer";
	atomic_store(&state.cpu, STATE_CPU_TIMER);
	return 0;
}

void engine_open(bool apart, struct header_engines *engines)
{
	*engines = (struct header_engines){ .cpu = "off",
					    .heap = heap_engine_name(),
					    .cpu_period_ns = period_ns(),
					    .heap_mean_bytes = heap_mean_bytes(),
					    .cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) };
	told.perf_error = told.timer_error = 0;
	told.yielded = told.refused = told.narrow = false;
	/* a child has not the memory */
	strange = strange_before = followed = (struct table){ 0 };
	atomic_store(&state.cpu, STATE_CPU_OFF);
	if (config.cpu == CONFIG_CPU_AUTO || config.cpu == CONFIG_CPU_PERF) {
		if (open_perf(engines) == 0 && !apart)
			cpu_perf_detach();
	}
	if (config.cpu == CONFIG_CPU_TIMER || (config.cpu == CONFIG_CPU_AUTO && told.perf_error))
		open_timer(engines);
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

void engine_report(void)
{
	static const char *const names[] = { "off", "perf", "timer" };
	unsigned cpu = state_cpu_engine();

	if (told.perf_error)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_DENIED, -told.perf_error, "perf",
			     told.perf_why);
	if (told.timer_error)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_DENIED, -told.timer_error, "timer",
			     told.timer_why);
	if (cpu != STATE_CPU_OFF)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_ON, 0, names[cpu], NULL);
	else if (!told.perf_error && !told.timer_error)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_OFF, 0, "off", "LIBPROF_CPU=off");
	if (told.unwind_error)
		trace_engine(PROF_ENGINE_WRITER, PROF_ENGINE_NOTE, -told.unwind_error, "unwinder",
			     told.unwind_why);
	trace_engine(PROF_ENGINE_HEAP,
		     state_heap_engine() != STATE_HEAP_OFF ? PROF_ENGINE_ON
		     : told.heap_why			   ? PROF_ENGINE_DENIED
							   : PROF_ENGINE_OFF,
		     0, heap_engine_name(),
		     told.heap_why			     ? told.heap_why
		     : state_heap_engine() == STATE_HEAP_OFF ? "LIBPROF_HEAP=off"
							     : NULL);
}

/* Threads that were there before the engine have none yet; one that has left
 * must not get one. */
static void set_timer(struct thread_state *s, bool on)
{
	lock_take(&s->lock);
	if (s->timer_id >= 0)
		cpu_timer_set(s->timer_id, on);
	else if (s->tls && !s->no_timer)
		s->timer_id = cpu_timer_attach((int)s->tid);
	lock_drop(&s->lock);
}

static void take_timers(void)
{
	cpu_timer_enable(false);
	for (struct thread_info *t = roster_first(); t; t = t->next) {
		roster_take_timer(t);
		if (!t->state)
			continue;
		lock_take(&t->state->lock);
		if (t->state->timer_id >= 0)
			cpu_timer_detach(t->state->timer_id);
		t->state->timer_id = -1;
		lock_drop(&t->state->lock);
	}
}

static void set_timers(bool on)
{
	cpu_timer_enable(on);
	for (struct thread_info *t = roster_first(); t; t = t->next)
		if (t->state)
			set_timer(t->state, on);
		else if (t->has_timer)
			cpu_timer_set(t->timer_id, on);
}

/* SIGPROF is the program's from here on. */
static void yield(void)
{
	told.yielded = true;
	take_timers();
	trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_OFF, 0, "timer",
		     "the program handles SIGPROF itself");
}

void engine_enable(bool on)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		cpu_perf_enable(on);
	if (state_cpu_engine() != STATE_CPU_TIMER || told.yielded)
		return;
	if (cpu_timer_owns_signal())
		set_timers(on);
	else
		yield();
}

/* What was used up may be there again: threads without a timer are tried again. */
static void look_after_refused(int error)
{
	if (!told.refused)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_NOTE, error, "timers",
			     "some threads could have no timer and were not sampled meanwhile: "
			     "raise RLIMIT_SIGPENDING ('ulimit -i'), or allow timer_create(2)");
	told.refused = true;
	for (struct thread_info *t = roster_first(); t; t = t->next)
		if (t->state && t->state->timer_id < 0)
			set_timer(t->state, atomic_load(&state.sampling));
}

/* A look at so many threads a second; what changes for all, a cpuset, shows in any. */
#define WIDEN_THREADS_MAX 256u

/* Threads may be allowed CPUs that none was at the opening. */
static void widen_perf(void)
{
	struct thread_info *t = roster_first();
	int err = 0;

	for (unsigned looks = 0; t && looks < WIDEN_THREADS_MAX; looks++, t = t->next) {
		uint32_t rings = t->ended ? 0 : cpu_perf_widen((int)t->tid, &err);

		if (rings)
			follow_all(rings);
	}
	if (err && !told.narrow)
		trace_engine(
			PROF_ENGINE_CPU, PROF_ENGINE_NOTE, -err, "perf",
			"threads may run on CPUs that none was allowed at the start, and could "
			"have no ring there: on those they are not sampled");
	told.narrow = told.narrow || err;
}

static void look_after_timers(void)
{
	struct table last;
	int refused;

	if (told.yielded)
		return;
	if (!cpu_timer_owns_signal()) {
		yield();
		return;
	}
	take_back_given();
	each_task(give_timer, NULL);
	last = strange_before;
	strange_before = strange;
	strange = last;
	table_clear(&strange);
	refused = cpu_timer_refused();
	if (refused)
		look_after_refused(refused);
}

void engine_look_after(void)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		widen_perf();
	else if (state_cpu_engine() == STATE_CPU_TIMER)
		look_after_timers();
}

/* No probe as in open_perf: its process could be the first of a pid namespace of the
 * program's, which ends with it. */
void engine_resume(bool apart, bool on)
{
	struct cpu_perf_options options = perf_options();
	struct cpu_perf_info info = { 0 };
	int err;

	if (state_cpu_engine() != STATE_CPU_PERF)
		return;
	err = cpu_perf_reopen(&options, &info);
	if (err) {
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_NOTE, -err, "perf", info.why);
		trace_engine(
			PROF_ENGINE_CPU, PROF_ENGINE_NOTE, -err, "perf",
			"the program changed its namespaces, and perf_event_open is refused "
			"since: sampling goes on as it was, it can be neither started nor stopped");
		return;
	}
	if (told.perf_kernel && !info.kernel)
		trace_engine(
			PROF_ENGINE_CPU, PROF_ENGINE_NOTE, EACCES, "perf",
			"the program changed its namespaces: kernel code is not sampled since");
	told.perf_kernel = info.kernel;
	follow_all(UINT32_MAX);
	cpu_perf_enable(on);
	if (!apart)
		cpu_perf_detach();
}

void engine_detach(void)
{
	if (state_cpu_engine() == STATE_CPU_PERF)
		cpu_perf_detach();
}

void engine_close(void)
{
	if (state_cpu_engine() == STATE_CPU_PERF) {
		cpu_perf_close();
	} else if (state_cpu_engine() == STATE_CPU_TIMER) {
		take_timers();
		cpu_timer_close();
	}
}

const char *engine_denied(bool timer)
{
	if (timer)
		return told.timer_error ? told.timer_why : NULL;
	return told.perf_error ? told.perf_why : NULL;
}
