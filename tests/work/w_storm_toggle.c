/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_toggle.c - switches recording on and off, and flushes, as fast as it
 * is answered, while sixteen threads compute and allocate.  What main allocates
 * between start and stop is all recorded, what it allocates elsewhere never is.
 *
 *	w_storm_toggle SECONDS LEAST PAUSE_US
 *
 * At least LEAST times, however long it takes; the sixteen pause that long between two
 * turns, or not at all.
 *
 *	outside ALLOCATIONS
 *	busy ALLOCATIONS IN OUT		by the sixteen; IN: each of them as a whole between a
 *					start that had returned and the stop; OUT: each as a
 *					whole between a stop that had returned and the start
 */
#include "storm.h"

#include <pthread.h>
#include <stdbool.h>

#include "../../include/libprof.h"

#define THREADS 16
#define EACH 25

static _Atomic bool over;
static _Atomic uint64_t busy_calls, busy_in, busy_out;
/* Odd: it is on, or not surely off. */
static _Atomic uint64_t on, not_off;

static FRAME void toggle_outside(void)
{
	for (size_t i = 0; i < EACH; i++)
		work_alloc(300 + i);
}

static FRAME void toggle_busy(void)
{
	uint64_t in = 0, out = 0;

	for (size_t i = 0; i < 20; i++) {
		uint64_t on_then = on, not_off_then = not_off;

		work_alloc(30 + i);
		in += on_then % 2 && on_then == on;
		out += not_off_then % 2 == 0 && not_off_then == not_off;
	}
	atomic_fetch_add(&busy_calls, 20);
	atomic_fetch_add(&busy_in, in);
	atomic_fetch_add(&busy_out, out);
}

static void *busy(void *arg)
{
	const struct timespec pause = { 0, *(long *)arg * 1000 };

	while (!over) {
		toggle_busy();
		work_spin(20000);
		if (pause.tv_nsec)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t least = work_arg(argc, argv, 2, 1000), failed = 0, rounds = 0;
	long pause_us = (long)work_arg(argc, argv, 3, 0);
	pthread_t id[THREADS];
	void *kept[EACH];

	storm_begin(argc, argv);
	failed += LIBPROF_STOP() != 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&id[i], NULL, busy, &pause_us);
	while (storm_running() || rounds < least) {
		toggle_outside();
		not_off++;
		failed += LIBPROF_START() != 0;
		on++;
		for (size_t i = 0; i < EACH; i++)
			kept[i] = storm_malloc(200 + i);
		if (rounds % 10 == 0) {
			failed += LIBPROF_FLUSH() != 0;
			work_sleep_ms(20); /* the sixteen have a turn */
		}
		for (size_t i = 0; i < EACH && rounds % 2; i++)
			storm_free(kept[i]);
		on++;
		failed += LIBPROF_STOP() != 0;
		not_off++;
		/* A free is recorded, recording or not. */
		for (size_t i = 0; i < EACH && rounds % 2 == 0; i++)
			storm_free(kept[i]);
		rounds++;
	}
	over = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	storm_load("starts_and_stops", rounds);
	storm_must("failed", failed);
	printf("outside %llu\nbusy %llu %llu %llu\n", (unsigned long long)rounds * EACH,
	       (unsigned long long)busy_calls, (unsigned long long)busy_in,
	       (unsigned long long)busy_out);
	storm_end();
	return 0;
}
