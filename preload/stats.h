/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.h - what was lost, counted where it is lost.  One counter for each
 * code of PROF_LOSSES; any context adds, the writer turns the differences
 * into LOSS records at each flush.
 */
#ifndef PROF_STATS_H
#define PROF_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "../include/prof_format.h"

extern _Atomic uint64_t stats_lost[PROF_LOSS_CODES];

/* [hook] [signal] [writer] */
static inline void stats_lose(enum prof_loss code, uint64_t n)
{
	atomic_fetch_add_explicit(&stats_lost[code], n, memory_order_relaxed);
}

#endif
