/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_wait.h - how the writer sleeps: private to writer_loop.c.
 */
#ifndef PROF_WRITER_WAIT_H
#define PROF_WRITER_WAIT_H

#include <stdint.h>

#include "arena.h"

/* [writer] 0 or -ENOMEM. */
int wait_init(struct arena *arena);

/* [writer] Sleeps until that time, or the bell rings, or a perf ring is half full; where the
 * rings are not polled, for 10 ms at most. */
void wait_until(uint64_t at_ns);

/* [child] */
void wait_reset_in_child(void);

#endif
