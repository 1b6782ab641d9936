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

/* Counters of sampled blocks by where they begin: one for every 64 bytes, and the same again
 * after every 64 MiB.  So blocks that are neighbours have neighbouring counters, and a program
 * has as much of these in its caches as of its heap, by 64 (a hash would spread them: with
 * 100,000 sampled blocks alive, 36 ns a free); and large blocks, which begin where a page does,
 * have a 64th of them together.  A heap of 10 GiB, sampled every 512 KiB, has 2 % in use. */
#define LIVE_NEAR_CELLS (1u << 20)
#define LIVE_NEAR_SHIFT 6u
extern _Atomic uint8_t live_near[LIVE_NEAR_CELLS] __attribute__((visibility("hidden")));

static inline uint32_t live_near_index(uint64_t address)
{
	return address >> LIVE_NEAR_SHIFT & (LIVE_NEAR_CELLS - 1);
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
