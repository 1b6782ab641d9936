/* SPDX-License-Identifier: Apache-2.0
 *
 * live_table.h - the table of live.c: slots by address, in buckets of fixed places.  A slot
 * is taken by one atomic change of its address, from 0, and is free again when that is 0.
 * Nobody waits for anybody, and what a jump leaves behind is at worst a slot that stays
 * taken.
 */
#ifndef PROF_LIVE_TABLE_H
#define PROF_LIVE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct live_place {
	_Atomic uint64_t *address, *id; /* id: 0 on its way in or out */
};

/* [hook] The place of address (not 0); false when there is none. */
bool live_table_find(uint64_t address, struct live_place *p);

/* [hook] A new place for address; false: no memory. */
bool live_table_claim(uint64_t address, struct live_place *p);

/* [hook] Gives every place, free ones too, to take. */
void live_table_each(void (*take)(const struct live_place *p, uint32_t arg), uint32_t arg);

/* [child] The memory stays, empty: what the fork came in between may be looking there. */
void live_table_empty(void);

uint64_t live_table_bytes(void);

#endif
