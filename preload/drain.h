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

/* [writer] Takes all events up to now.  True when there were any.  last: perf's records
 * do not wait for an event whose thread was taken off its CPU before it committed. */
bool drain_all(bool perf, bool last);

/* [writer] At an end, or when somebody asks: takes what waits in the event ring behind
 * such an event.  That thread's call has not returned. */
void drain_held_up(void);

#endif
