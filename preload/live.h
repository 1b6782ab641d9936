/* SPDX-License-Identifier: Apache-2.0
 *
 * live.h - which addresses hold sampled blocks.  free asks the filter first,
 * one load and one compare inlined into the hook; only a hit looks into the
 * table.  The filter is an array of small counters indexed by a hash of the
 * address; it grows to stay below 2 % full, because a stale or crowded filter
 * makes every free slower (2 % full costs 0.2 ns a free, 30 % 3.2 ns).
 */
#ifndef PROF_LIVE_H
#define PROF_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LIVE_HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* The counters, packed with the shift that indexes them: the low six bits of
 * the pointer are the shift, and the array begins exactly there (its storage
 * is 64-byte aligned and 64 bytes longer).  So one load gives both, and no
 * thread can see one without the other. */
extern _Atomic(uint8_t *) live_filter __attribute__((visibility("hidden")));

static inline _Atomic uint8_t *live_cell(uint8_t *filter, uint64_t address)
{
	return (_Atomic uint8_t *)filter + (address * LIVE_HASH_FACTOR >> ((uintptr_t)filter & 63));
}

/* [hook] May address be a sampled block?  Never false for one: whoever passes
 * the block to another thread publishes the filter that knows it, too. */
static inline bool live_maybe(uint64_t address)
{
	uint8_t *f = atomic_load_explicit(&live_filter, memory_order_relaxed);

	return atomic_load_explicit(live_cell(f, address), memory_order_relaxed) != 0;
}

/* [hook] Is it one?  True also for what a jump left behind. */
bool live_has(uint64_t address);

/* The following wait for nobody, and may be left by a jump: see live.c. */

/* [hook] Remembers that address holds sampled block id (1 to 2^60 - 1).  An entry left
 * there (its free went round us) is replaced and its id given in *old, else 0.
 * 0, or -ENOMEM and nothing remembered. */
int live_put(uint64_t address, uint64_t id, uint64_t *old);

/* [hook] Lets the filter grow where that is due, which live_put does otherwise: it may take long. */
void live_keep_sparse(void);

/* [hook] Takes address out; its block id, or 0 when it was not there. */
uint64_t live_take(uint64_t address);

/* [hook] [writer] Makes free look twice at address for ever (bootstrap blocks).
 * False: there are too many. */
bool live_filter_pin(uint64_t address);

/* [child] Forgets everything. */
void live_reset(void);

/* Bytes mapped for filter and table. */
uint64_t live_bytes(void);

#endif
