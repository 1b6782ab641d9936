/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_wait.h - how the writer sleeps: private to writer_loop.c.
 */
#ifndef PROF_WRITER_WAIT_H
#define PROF_WRITER_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

/* [writer] 0 or -ENOMEM. */
int wait_init(struct arena *arena);

/* [writer] With the CPU engine open: starts the bell thread where there is something to poll.
 * apart: the descriptors are the writer's own. */
void wait_begin(bool apart);

/* [writer] Sleeps until that time, or the bell rings, or a perf ring is half full; where the
 * rings are not polled, for 10 ms at most. */
void wait_until(uint64_t at_ns);

/* [child] */
void wait_reset_in_child(void);

#endif
