/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_perf.c - the perf engine and the process's threads and CPUs: how large its rings are,
 * who else is followed, what becomes of it when the program changes where it runs.
 */
#include <errno.h>
#include <stdio.h>

#include "bell.h"
#include "config.h"
#include "cpu_perf.h"
#include "engine_private.h"
#include "probe.h"
#include "proc.h"
#include "roster.h"
#include "state.h"
#include "table.h"
#include "trace.h"

static struct {
	bool kernel;   /* kernel code is sampled */
	int tid;       /* whom the rings' own events follow */
	uint64_t cpus; /* online when it was opened */
	int narrow;    /* -errno of an event that could not be had on some CPU */
	bool told;     /* the trace of that */
} perf;

/* Threads that threads made before these were followed are found by looking once more, those
 * that went on meanwhile by the table. */
#define LOOKS_MAX 8u

static struct table followed;

struct to_follow {
	uint32_t rings, found;
	int err;
};

static void follow(int tid, void *arg)
{
	struct to_follow *to = arg;
	int err;

	if (!engine_is_foreign(tid) || tid == perf.tid || table_get(&followed, (uint32_t)tid))
		return;
	table_put(&followed, (uint32_t)tid, 1);
	to->found++;
	if (to->err == -EMFILE)
		return;
	err = cpu_perf_follow(tid, to->rings);
	if (err && err != -ESRCH)
		to->err = err;
}

/* All threads there are, but the one that the rings' own events follow; on the newest so many
 * rings. */
static void follow_all(uint32_t rings)
{
	struct to_follow to = { .rings = rings };

	table_clear(&followed);
	for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
		to.found = 0;
		engine_each_task(follow, &to);
		if (!to.found)
			break;
	}
	perf.narrow = to.err ? to.err : perf.narrow;
}

void engine_perf_report(void)
{
	if (perf.narrow && !perf.told)
		trace_engine(
			PROF_ENGINE_CPU, PROF_ENGINE_NOTE, -perf.narrow, "perf events",
			"some threads could have no event on some CPUs (more descriptors help: "
			"'ulimit -n'): what they use there is not sampled");
	perf.told = perf.narrow;
}

static struct cpu_perf_options perf_options(void)
{
	uint64_t period_ns = engine_period_ns();
	uint32_t stack_bytes = (uint32_t)config.stack_bytes;

	return (struct cpu_perf_options){ .period_ns = period_ns,
					  .stack_bytes = stack_bytes,
					  .ring_bytes = cpu_perf_ring_bytes(period_ns, stack_bytes,
									    perf.cpus),
					  .clock_offset_ns = proc_clock_offset_ns() };
}

struct to_open {
	int (*open)(const struct cpu_perf_options *, struct cpu_perf_info *);
	struct cpu_perf_info *info;
	int err;
};

static void open_on(int tid, void *arg)
{
	struct to_open *to = arg;
	struct cpu_perf_options options = perf_options();

	if (to->err != -ESRCH || (tid != state.pid && !engine_is_foreign(tid)))
		return;
	perf.tid = options.tid = tid;
	to->err = to->open(&options, to->info);
}

/* The rings' own events follow main or, where main has left by pthread_exit, the first
 * that lives. */
static int open_on_any(int (*open)(const struct cpu_perf_options *, struct cpu_perf_info *),
		       struct cpu_perf_info *info)
{
	struct to_open to = { .open = open, .info = info, .err = -ESRCH };

	open_on(state.pid, &to);
	if (to.err == -ESRCH)
		engine_each_task(open_on, &to);
	return to.err;
}

int engine_perf_open(bool apart, struct header_engines *engines, const char **why)
{
	struct cpu_perf_info info = { 0 };
	int err;

	perf.narrow = 0;
	perf.told = false;
	perf.cpus = engines->cpus;
	followed = (struct table){ 0 }; /* a child has not the memory */
	*why = "a seccomp filter kills for perf_event_open, or no child could try it: allow it "
	       "in the sandbox";
	if (!probe_survives(PROBE_PERF_EVENT_OPEN))
		return -ENOSYS;
	err = open_on_any(cpu_perf_open, &info);
	*why = info.why;
	if (err)
		return err;
	follow_all(UINT32_MAX);
	if (!apart)
		cpu_perf_detach();
	engines->cpu = "perf";
	engines->cpus = info.cpus;
	engines->cpu_kernel = perf.kernel = info.kernel;
	atomic_store(&state.cpu, STATE_CPU_PERF);
	return 0;
}

void engine_perf_enable(bool on)
{
	int err = cpu_perf_enable(on);

	if (err && on)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_NOTE, -err, "perf switch",
			     "perf events could not be switched on (ioctl(2) or prctl(2) is "
			     "refused: allow it in the sandbox): they sample nothing");
}

static void tell_refused(int err, const char *why)
{
	static char text[400];
	bool kept = cpu_perf_is_open();

	snprintf(text, sizeof(text),
		 "since the program changed its namespaces or groups perf is refused, %s: %s",
		 kept ? "and sampling goes on as it was, neither to be started nor stopped"
		      : "and nothing is sampled",
		 why);
	if (!kept)
		atomic_store(&state.cpu, STATE_CPU_OFF);
	trace_engine(PROF_ENGINE_CPU, kept ? PROF_ENGINE_NOTE : PROF_ENGINE_OFF, -err,
		     "perf reopened", text);
}

/* No probe as at the opening: its process could be the first of a pid namespace of the
 * program's, which ends with it. */
void engine_perf_resume(bool apart, bool on, struct header_engines *engines)
{
	struct cpu_perf_info info = { 0 };
	int err = open_on_any(cpu_perf_reopen, &info);

	if (err) {
		tell_refused(err, info.why);
		return;
	}
	if (perf.kernel && !info.kernel)
		trace_engine(
			PROF_ENGINE_CPU, PROF_ENGINE_NOTE, EACCES, "perf reopened",
			"the program changed its namespaces or groups: kernel code is not sampled since");
	engines->cpus = info.cpus;
	engines->cpu_kernel = perf.kernel = info.kernel;
	follow_all(UINT32_MAX);
	engine_perf_enable(on);
	if (!apart)
		cpu_perf_detach();
	engine_perf_report();
}

/* A look at so many threads a second; what changes for all, a cpuset, shows in any. */
#define WIDEN_THREADS_MAX 256u
#define WIDEN_CPU_NS UINT64_C(5000000) /* used since, or nobody was anywhere */

/* Threads may be allowed CPUs that none was at the opening. */
void engine_perf_widen(uint64_t process_ns)
{
	static uint32_t begin;
	static uint64_t looked_ns;
	struct thread_info *t = roster_first();
	uint32_t at = 0;

	if (bell_tid() < 0)
		return; /* as in engine_each_task */
	if (process_ns - looked_ns < WIDEN_CPU_NS)
		return;
	looked_ns = process_ns;
	for (; t && at < begin + WIDEN_THREADS_MAX; at++, t = t->next) {
		uint32_t rings =
			at < begin || t->ended ? 0 : cpu_perf_widen((int)t->tid, &perf.narrow);

		if (rings)
			follow_all(rings);
	}
	begin = t ? at : 0;
	engine_perf_report();
}
