/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_phases.c - threads whose work goes round in phases at a fixed rate of
 * their own CPU time: half of each turn in one function, a quarter in each of
 * two others.  Each thread begins somewhere else in its turn.
 * Arguments: seed (1), turns a second (100), milliseconds of CPU a thread (250), threads (8).
 *
 *	phase NAME FUNCTION CPU_NS
 *	thread TID NAME CPU_NS
 */
#include "truth.h"

#include <pthread.h>

#define AT_A_TIME 2
#define PHASES 4

struct worker {
	char name[16];
	pthread_t id;
	int tid;
	uint64_t offset_ns, cpu_ns, took[PHASES];
};

static uint64_t turn_ns, total_ns;

/* Until the thread's clock says so: four fifths of the way each time, so that
 * little of it is spent on looking. */
#define FILL_UNTIL(when)                                          \
	for (uint64_t now_; (now_ = work_thread_cpu()) < (when);) \
	FILL(truth_chunks(((when)-now_) * 4 / 5))

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

static FRAME void *thread_body(void *arg)
{
	struct worker *w = arg;
	uint64_t last = work_thread_cpu(), turn = last + w->offset_ns, now;
	unsigned phase = 0;

	w->tid = work_tid();
	pthread_setname_np(pthread_self(), w->name);
	while (last < total_ns) {
		phases[phase].run(turn + turn_ns * phases[phase].quarter / 4);
		now = work_thread_cpu();
		w->took[phase] += now - last;
		last = now;
		if (++phase == PHASES) {
			phase = 1;
			turn += turn_ns;
		}
	}
	w->cpu_ns = work_thread_cpu();
	return NULL;
}

static void join(struct worker *w)
{
	pthread_join(w->id, NULL);
	for (int i = 0; i < PHASES; i++)
		printf("phase %s %s %llu\n", w->name, phases[i].name,
		       (unsigned long long)w->took[i]);
	printf("thread %d %s %llu\n", w->tid, w->name, (unsigned long long)w->cpu_ns);
}

int main(int argc, char **argv)
{
	uint64_t random = work_arg(argc, argv, 1, 1);
	unsigned threads = (unsigned)work_arg(argc, argv, 4, 8);
	struct worker w[AT_A_TIME];

	turn_ns = 1000000000 / work_arg(argc, argv, 2, 100);
	total_ns = work_arg(argc, argv, 3, 250) * MS;
	truth_calibrate();
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
