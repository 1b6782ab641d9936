/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_rate.c - see heap_rate.h.  Samples of all threads are counted as so many of the shortest
 * distance.  No lock: who comes first looks at what was counted since the last look.
 */
#include "heap_rate.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "config.h"
#include "sys.h"

#define LOOK_NS 20e6		/* at least between two looks, and */
#define LOOK_SAMPLES 16u	/* time for so many by the limit; */
#define RUSH 32u		/* but this part of a second's samples, and */
#define RUSH_SAMPLES 64u	/* so many, is not waited for */
#define RUSH_NS 1e6		/* taken to have lasted so long at least */
#define SAMPLES_BY_QUESTION 64u /* of which a hook asks at one */

static _Atomic uint8_t shift_now, shift_most;

static struct {
	_Atomic uint64_t since; /* CLOCK_MONOTONIC ns; 0 before the first look */
	_Atomic uint64_t samples, dense;
} counted;

uint8_t heap_rate_shift(void)
{
	return atomic_load_explicit(&shift_now, memory_order_relaxed);
}

uint8_t heap_rate_shift_most(void)
{
	return atomic_load_explicit(&shift_most, memory_order_relaxed);
}

/* Shorter again only where that leaves some room. */
static uint8_t shift_for(double dense_hz, uint8_t shift)
{
	double most = (double)config.heap_hz;

	while (shift < HEAP_RATE_SHIFT_MAX && dense_hz / (double)(1u << shift) > most)
		shift++;
	while (shift && dense_hz / (double)(1u << (shift - 1)) <= 0.75 * most)
		shift--;
	return shift;
}

static bool is_time(double ns, uint64_t samples)
{
	double hz = (double)config.heap_hz;

	return samples >= config.heap_hz / RUSH + RUSH_SAMPLES ||
	       (ns >= LOOK_NS && ns * hz >= LOOK_SAMPLES * 1e9);
}

static void set_shift(uint8_t shift)
{
	uint8_t most = atomic_load(&shift_most);

	atomic_store(&shift_now, shift);
	while (shift > most && !atomic_compare_exchange_weak(&shift_most, &most, shift))
		;
}

/* The samples are taken off first: who comes by before the time is set sees none, and who has
 * seen them before cannot set it. */
void heap_rate_adapt(void)
{
	uint64_t since = atomic_load(&counted.since), now = sys_now_ns(), samples;
	double ns = (double)(now - since), dense;

	if (!config.heap_hz || now <= since ||
	    (since && !is_time(ns, atomic_load(&counted.samples))))
		return;
	samples = atomic_exchange(&counted.samples, 0);
	if (!atomic_compare_exchange_strong(&counted.since, &since, now)) {
		atomic_fetch_add(&counted.samples, samples);
		return;
	}
	dense = (double)atomic_exchange(&counted.dense, 0);
	ns = ns < RUSH_NS ? RUSH_NS : ns;
	if (since)
		set_shift(shift_for(dense * 1e9 / ns, heap_rate_shift()));
}

/* 50 to 100 ns where threads sample by turns, which is next to nothing at the rate that is let. */
void heap_rate_count(uint8_t shift)
{
	if (!config.heap_hz || config.heap_bytes == 1)
		return;
	atomic_fetch_add_explicit(&counted.dense, UINT64_C(1) << shift, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&counted.samples, 1, memory_order_relaxed) %
		    SAMPLES_BY_QUESTION ==
	    SAMPLES_BY_QUESTION - 1)
		heap_rate_adapt();
}

void heap_rate_reset_in_child(void)
{
	atomic_store(&counted.since, 0);
	atomic_store(&counted.samples, 0);
	atomic_store(&counted.dense, 0);
	atomic_store(&shift_now, 0);
	atomic_store(&shift_most, 0);
}
