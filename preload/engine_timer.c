/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_timer.c - the timer engine and the process's threads: who gets a timer and when it is
 * taken back, and stepping back when the program takes SIGPROF.
 */
#include <errno.h>

#include "config.h"
#include "cpu_timer.h"
#include "engine_private.h"
#include "probe.h"
#include "roster.h"
#include "state.h"
#include "sys.h"
#include "table.h"
#include "trace.h"

static struct {
	bool yielded; /* told the trace that the program took SIGPROF */
	bool refused; /* told it that a thread could have no timer */
} timer;

/* Tasks of this and of the last look that no thread we know of has. */
static struct table strange, strange_before;

/* A thread that has just left us is still a task for a moment: one nobody knows is
 * a thread of its own only when it is there at two looks. */
static bool is_thread(int tid)
{
	if (!engine_is_foreign(tid))
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

int engine_timer_open(struct header_engines *engines, const char **why)
{
	int err, id;

	timer.yielded = timer.refused = false;
	/* a child has not the memory */
	strange = strange_before = (struct table){ 0 };
	*why = "a seccomp filter kills for timer_create, or no child could try it: allow it in "
	       "the sandbox";
	if (!probe_survives(PROBE_TIMER_CREATE))
		return -ENOSYS;
	err = cpu_timer_open(engine_period_ns(), config.seed, why);
	if (err)
		return err;
	/* Having the signal is not having a timer. */
	id = cpu_timer_attach(state.pid);
	if (id < 0) {
		*why = "timer_create(2) is refused (by a sandbox, or RLIMIT_SIGPENDING is used up: "
		       "ulimit -i)";
		cpu_timer_close();
		return id;
	}
	cpu_timer_detach(id);
	engines->cpu = "timer";
	atomic_store(&state.cpu, STATE_CPU_TIMER);
	return 0;
}

/* Threads that were there before the engine have none yet; one that has left
 * must not get one. */
static void set_timer(struct thread_state *s, bool on)
{
	if (!thread_lock_for(s))
		return;
	if (s->timer_id >= 0)
		cpu_timer_set(s->timer_id, on);
	else if (s->tls && !s->no_timer)
		s->timer_id = cpu_timer_attach((int)s->tid);
	lock_drop(&s->lock);
}

static void take_timers(void)
{
	bool locked;

	cpu_timer_enable(false);
	for (struct thread_info *t = roster_first(); t; t = t->next) {
		roster_take_timer(t);
		if (!t->state)
			continue;
		/* If not had, still: SIGPROF is the program's from now on. */
		locked = thread_lock_for(t->state);
		if (t->state->timer_id >= 0)
			cpu_timer_detach(t->state->timer_id);
		t->state->timer_id = -1;
		if (locked)
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
	timer.yielded = true;
	take_timers();
	trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_OFF, 0, "timer",
		     "the program handles SIGPROF itself");
}

void engine_timer_enable(bool on)
{
	if (timer.yielded)
		return;
	if (cpu_timer_owns_signal())
		set_timers(on);
	else
		yield();
}

/* What was used up may be there again: threads without a timer are tried again. */
static void look_after_refused(int error)
{
	if (!timer.refused)
		trace_engine(PROF_ENGINE_CPU, PROF_ENGINE_NOTE, error, "timers",
			     "some threads could have no timer and were not sampled meanwhile: "
			     "raise RLIMIT_SIGPENDING ('ulimit -i'), or allow timer_create(2)");
	timer.refused = true;
	for (struct thread_info *t = roster_first(); t; t = t->next)
		if (t->state && t->state->timer_id < 0)
			set_timer(t->state, atomic_load(&state.sampling));
}

void engine_timer_look_after(void)
{
	struct table last;
	int refused;

	if (timer.yielded)
		return;
	if (!cpu_timer_owns_signal()) {
		yield();
		return;
	}
	take_back_given();
	engine_each_task(give_timer, NULL);
	last = strange_before;
	strange_before = strange;
	strange = last;
	table_clear(&strange);
	refused = cpu_timer_refused();
	if (refused)
		look_after_refused(refused);
}

void engine_timer_close(void)
{
	take_timers();
	cpu_timer_close();
}
