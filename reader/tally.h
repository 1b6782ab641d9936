/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.h - samples and allocations added up by thread and stack, beside the reading:
 * rows are handed in by the thread that reads, and are looked up and added by one of
 * the tally's own, for that is half of a large trace's work.  It starts when there are
 * many, and another puts the sums in order while names are looked for; where they cannot,
 * the reading thread does their work.  Rows of a kind are added in their order, so that
 * sums are the same each time.
 */
#ifndef PROF_TALLY_H
#define PROF_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live_blocks.h"
#include "profile_tables.h"

struct tally; /* opaque */

/* room: sums of each kind, and cells in the end; what comes after is left out. */
struct tally *tally_new(uint64_t room);

/* One sampled allocation, or a block that is in use at the end. */
void tally_block(struct tally *tally, uint32_t thread, uint32_t stack,
		 const struct heap_weight *weight, bool inuse);

/* One sample. */
void tally_add(struct tally *tally, uint32_t thread, uint32_t stack, uint64_t cpu);

/* No more comes.  Of many sums a thread puts them in order then, while the caller goes on,
 * and may fork: that thread takes no lock but malloc's. */
void tally_close(struct tally *tally);

/* After that: all sums as struct cell, in order of thread and stack behind an empty entry 0.
 * They are the caller's, and tally is ended.  *full: there was no room for some. */
GArray *tally_end(struct tally *tally, bool *full);

#endif
