/* SPDX-License-Identifier: Apache-2.0
 *
 * w_truth_time.c - three threads that work and allocate by turns and keep a log of
 * when they did, by the time of day and by CLOCK_MONOTONIC.  Each allocation has a
 * size of its own.  Arguments: turns (20), "raw" to ask the kernel for the time and not
 * the C library, "stop" to be stopped (SIGSTOP) halfway until somebody lets it go on.
 *
 *	burn TID REAL MONO REAL MONO         before and after CPU time in time_burn
 *	alloc SIZE TID REAL MONO REAL MONO   before and after malloc
 */
#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#define THREADS 3
#define TURNS_MAX 1000
#define BURN_NS (8 * MS)

struct moment {
	uint64_t real_ns, mono_ns;
};

struct turn {
	struct moment burn[2], alloc[2];
};

static struct worker {
	pthread_t id;
	int tid;
	unsigned number;
	struct turn log[TURNS_MAX];
} workers[THREADS];

static unsigned turns;
static bool raw, stop;

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	if (!raw)
		return work_clock(clock);
	syscall(SYS_clock_gettime, clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static struct moment now(void)
{
	return (struct moment){ read_clock(CLOCK_REALTIME), read_clock(CLOCK_MONOTONIC) };
}

static size_t size_of(const struct worker *w, unsigned turn)
{
	return 10000 + w->number * TURNS_MAX + turn;
}

static FRAME void time_burn(void)
{
	work_burn(BURN_NS);
}

static FRAME void *thread_body(void *arg)
{
	struct worker *w = arg;

	w->tid = work_tid();
	for (unsigned i = 0; i < turns; i++) {
		struct turn *t = &w->log[i];

		t->burn[0] = now();
		time_burn();
		t->burn[1] = now();
		work_sleep_ms(1 + w->number);
		t->alloc[0] = now();
		work_alloc(size_of(w, i));
		t->alloc[1] = now();
		if (stop && i == turns / 2 && w->number == 0)
			raise(SIGSTOP);
	}
	return NULL;
}

static void print(const char *what, const struct worker *w, const struct moment m[2])
{
	printf("%s %d %llu %llu %llu %llu\n", what, w->tid, (unsigned long long)m[0].real_ns,
	       (unsigned long long)m[0].mono_ns, (unsigned long long)m[1].real_ns,
	       (unsigned long long)m[1].mono_ns);
}

int main(int argc, char **argv)
{
	turns = (unsigned)work_arg(argc, argv, 1, 20);
	if (turns > TURNS_MAX)
		turns = TURNS_MAX;
	for (int i = 2; i < argc; i++) {
		raw |= !strcmp(argv[i], "raw");
		stop |= !strcmp(argv[i], "stop");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].number = i;
		pthread_create(&workers[i].id, NULL, thread_body, &workers[i]);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].id, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		const struct worker *w = &workers[i];

		for (unsigned n = 0; n < turns; n++) {
			char what[32];

			snprintf(what, sizeof(what), "alloc %zu", size_of(w, n));
			print("burn", w, w->log[n].burn);
			print(what, w, w->log[n].alloc);
		}
	}
	return 0;
}
