/* SPDX-License-Identifier: Apache-2.0
 *
 * live.h - which addresses hold sampled blocks.  free asks first whether any is near: one
 * comparison inlined into the hook.  Only where one is does it go on: to a filter by a hash of the
 * address, where blocks are many, then to the table.
 */
#ifndef PROF_LIVE_H
#define PROF_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch.h"

#define LIVE_HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* Counters of sampled blocks by where they begin: one for every 40 bytes, in the order of the
 * addresses, and the same again after 40 MiB.  So blocks that are neighbours have neighbouring
 * counters, and a program has as much of these in its caches as of its heap, by 40 (a hash would
 * spread them: with 100,000 sampled blocks alive, 36 ns a free).  A heap of 10 GiB, sampled every
 * 512 KiB, has 2 % of them in use.
 *
 * glibc's arenas, one a thread, begin at multiples of 64 MiB, and are filled from there: the
 * factor (2^20 times the golden section) puts 64 MiB at 0.618 of all counters, so that arenas lie
 * as far from each other as they can.  Where they shared counters each sampled block took a line of
 * them away from all other threads. */
#define LIVE_NEAR_CELLS (1u << 20)
#define LIVE_NEAR_FACTOR UINT64_C(0x19e379)
#define LIVE_NEAR_SHIFT 26u
extern _Atomic uint8_t live_near[LIVE_NEAR_CELLS] __attribute__((visibility("hidden")));

static inline uint32_t live_near_index(uint64_t address)
{
	return address * LIVE_NEAR_FACTOR >> LIVE_NEAR_SHIFT & (LIVE_NEAR_CELLS - 1);
}

/* [hook] May address be a sampled block?  Never false for one. */
static inline bool live_maybe(uint64_t address)
{
	return arch_is_set(&live_near[live_near_index(address)]);
}

/* [hook] Is it one?  True also for what a jump left behind. */
bool live_has(uint64_t address);

/* The following wait for nobody, and may be left by a jump: see live.c. */

/* [hook] Remembers that address holds sampled block id (1 to 2^60 - 1).  An entry left
 * there (its free went round us) is replaced and its id given in *old, else 0.
 * 0, or -ENOMEM and nothing remembered. */
int live_put(uint64_t address, uint64_t id, uint64_t *old);

/* [hook] Lets the filter by hash grow where that is due, which live_put does otherwise: it may
 * take long. */
void live_keep_sparse(void);

/* [hook] Takes address out; its block id, or 0 when it was not there. */
uint64_t live_take(uint64_t address);

/* [hook] [writer] Makes free look twice at address for ever (bootstrap blocks). */
void live_pin(uint64_t address);

/* [child] Forgets everything. */
void live_reset(void);

/* Bytes of counters, filter and table in memory, about. */
uint64_t live_bytes(void);

#endif
