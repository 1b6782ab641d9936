/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_phases.c - threads whose work goes round in phases at a fixed rate of
 * their own CPU time: half of each turn in one function, a quarter in each of
 * two others.  Each thread begins somewhere else in its turn.
 * Arguments: seed (1), turns a second (100), milliseconds of CPU a thread (250), threads (8),
 * 1: phases end in a system call (0), samples a second of a bare timer of each thread's (0).
 *
 *	phase NAME FUNCTION CPU_NS BARE_TIMER_SAMPLES
 *	thread TID NAME CPU_NS
 */
#include "truth.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#define AT_A_TIME 2
#define PHASES 4
#define STEP_NS 2000	     /* between two looks at the time */
#define INTERRUPTED_NS 10000 /* a step that took so long was not the thread's alone */

struct worker {
	char name[16];
	pthread_t id;
	int tid;
	uint64_t offset_ns, cpu_ns, took[PHASES];
	unsigned bare[PHASES];
};

static uint64_t turn_ns, total_ns, bare_hz, step_chunks;
static bool asks;

static __thread struct worker *self;
static __thread volatile unsigned phase;
static __thread uint64_t own_ns, looked_ns;

/* The thread's CPU time, by the wall clock, which takes no system call: asking the
 * kernel for it charges the thread there and then, and where others wait for the CPU they
 * get it at that point of the turn.  When the wall clock jumped the kernel is asked: the
 * thread was interrupted just now, wherever in its turn it was. */
static uint64_t own_cpu(void)
{
	uint64_t now = work_clock(CLOCK_MONOTONIC);

	if (now - looked_ns < INTERRUPTED_NS) {
		own_ns += now - looked_ns;
	} else {
		own_ns = work_thread_cpu();
		now = work_clock(CLOCK_MONOTONIC);
	}
	looked_ns = now;
	return own_ns;
}

#define FILL_UNTIL(when)           \
	while (own_cpu() < (when)) \
	FILL(step_chunks)

static FRAME void phase_lead(uint64_t when)
{
	FILL_UNTIL(when);
}

static FRAME void phase_half(uint64_t when)
{
	FILL_UNTIL(when);
}

static FRAME void phase_third(uint64_t when)
{
	FILL_UNTIL(when);
}

static FRAME void phase_last(uint64_t when)
{
	FILL_UNTIL(when);
}

static const struct {
	const char *name;
	void (*run)(uint64_t when);
	unsigned quarter; /* at which it ends */
} phases[PHASES] = { { "phase_lead", phase_lead, 0 },
		     { "phase_half", phase_half, 2 },
		     { "phase_third", phase_third, 3 },
		     { "phase_last", phase_last, 4 } };

static void on_bare_timer(int sig)
{
	(void)sig;
	self->bare[phase]++;
}

/* As libprof's timer engine has it, with nothing of libprof. */
static timer_t start_bare_timer(uint64_t *random)
{
	struct sigevent ev = { .sigev_signo = SIGUSR1, .sigev_notify = SIGEV_THREAD_ID };
	uint64_t period = 1000000000 / bare_hz;
	struct itimerspec its = { { 0, (long)period },
				  { 0, (long)(truth_draw(random) % period) + 1 } };
	timer_t id;

	ev._sigev_un._tid = work_tid();
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &id) || timer_settime(id, 0, &its, NULL))
		abort();
	return id;
}

static void go_round(struct worker *w)
{
	uint64_t last = own_ns, turn = last + w->offset_ns, now;

	while (last < total_ns) {
		phases[phase].run(turn + turn_ns * phases[phase].quarter / 4);
		now = asks ? (own_ns = work_thread_cpu()) : own_cpu();
		w->took[phase] += now - last;
		last = now;
		if (phase + 1 < PHASES) {
			phase++;
		} else {
			phase = 1;
			turn += turn_ns;
		}
	}
}

static FRAME void *thread_body(void *arg)
{
	struct worker *w = self = arg;
	uint64_t random = w->offset_ns;
	timer_t bare = NULL;

	w->tid = work_tid();
	pthread_setname_np(pthread_self(), w->name);
	if (bare_hz)
		bare = start_bare_timer(&random);
	own_ns = work_thread_cpu();
	looked_ns = work_clock(CLOCK_MONOTONIC);
	go_round(w);
	if (bare_hz)
		timer_delete(bare);
	w->cpu_ns = work_thread_cpu();
	return NULL;
}

static void join(struct worker *w)
{
	pthread_join(w->id, NULL);
	for (int i = 0; i < PHASES; i++)
		printf("phase %s %s %llu %u\n", w->name, phases[i].name,
		       (unsigned long long)w->took[i], w->bare[i]);
	printf("thread %d %s %llu\n", w->tid, w->name, (unsigned long long)w->cpu_ns);
}

int main(int argc, char **argv)
{
	uint64_t random = work_arg(argc, argv, 1, 1);
	unsigned threads = (unsigned)work_arg(argc, argv, 4, 8);
	struct sigaction act = { .sa_handler = on_bare_timer, .sa_flags = SA_RESTART };
	struct worker w[AT_A_TIME];

	turn_ns = 1000000000 / work_arg(argc, argv, 2, 100);
	total_ns = work_arg(argc, argv, 3, 250) * MS;
	asks = work_arg(argc, argv, 5, 0);
	bare_hz = work_arg(argc, argv, 6, 0);
	sigaction(SIGUSR1, &act, NULL);
	truth_calibrate();
	step_chunks = truth_chunks(STEP_NS);
	for (unsigned t = 0; t < threads; t += AT_A_TIME) {
		for (unsigned i = 0; i < AT_A_TIME; i++) {
			w[i] = (struct worker){ .offset_ns = truth_draw(&random) % turn_ns };
			snprintf(w[i].name, sizeof(w[i].name), "phases-%u", t + i);
			pthread_create(&w[i].id, NULL, thread_body, &w[i]);
		}
		for (unsigned i = 0; i < AT_A_TIME; i++)
			join(&w[i]);
	}
	return 0;
}
