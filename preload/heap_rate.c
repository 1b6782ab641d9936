/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_rate.c - see heap_rate.h.  Samples of all threads are counted as so many of the shortest
 * distance.  No lock: who comes first looks at what was counted since the last look.
 */
#include "heap_rate.h"

#include <stdatomic.h>

#include "config.h"
#include "sys.h"

#define LOOK_NS UINT64_C(20000000)
#define SECOND 1e9
#define SAMPLES_BY_LOOK 64u
#define RUSH 32u /* about this part of a second's samples is not waited for */

static _Atomic uint8_t shift_now;

static struct {
	_Atomic uint64_t since; /* CLOCK_MONOTONIC ns; 0 before the first look */
	_Atomic uint64_t samples, dense;
} counted;

uint8_t heap_rate_shift(void)
{
	return atomic_load_explicit(&shift_now, memory_order_relaxed);
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

void heap_rate_adapt(void)
{
	uint64_t since = atomic_load_explicit(&counted.since, memory_order_relaxed);
	uint64_t rush = config.heap_hz / RUSH + SAMPLES_BY_LOOK;
	uint64_t now = sys_now_ns(), dense;

	if (now <= since)
		return; /* another was here just now */
	if (now - since < LOOK_NS &&
	    atomic_load_explicit(&counted.samples, memory_order_relaxed) < rush)
		return;
	if (!atomic_compare_exchange_strong(&counted.since, &since, now))
		return;
	dense = atomic_exchange(&counted.dense, 0);
	atomic_store(&counted.samples, 0);
	if (since && config.heap_hz)
		atomic_store(&shift_now, shift_for((double)dense * SECOND / (double)(now - since),
						   heap_rate_shift()));
}

/* 50 to 100 ns where threads sample by turns, which is next to nothing at the rate that is let. */
void heap_rate_count(uint8_t shift)
{
	if (!config.heap_hz || config.heap_bytes == 1)
		return;
	atomic_fetch_add_explicit(&counted.dense, UINT64_C(1) << shift, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&counted.samples, 1, memory_order_relaxed) %
		    SAMPLES_BY_LOOK ==
	    SAMPLES_BY_LOOK - 1)
		heap_rate_adapt();
}

void heap_rate_reset_in_child(void)
{
	atomic_store(&counted.since, 0);
	atomic_store(&counted.samples, 0);
	atomic_store(&counted.dense, 0);
	atomic_store(&shift_now, 0);
}
