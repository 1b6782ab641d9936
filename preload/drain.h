/* SPDX-License-Identifier: Apache-2.0
 *
 * drain.h - from the rings to records: takes events out of the perf rings and
 * the event ring in order of time, finds their thread and stack, encodes them.
 * The writer's alone.
 */
#ifndef PROF_DRAIN_H
#define PROF_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

/* [writer] 0 or -ENOMEM. */
int drain_init(struct arena *arena, uint64_t period_ns);

/* [writer] Takes all events up to now.  True when there were any. */
bool drain_all(bool perf);

/* [writer] At the end, when no new event can begin: takes what is left in the event ring, and
 * counts as lost what others were about to commit. */
void drain_rest(void);

#endif
