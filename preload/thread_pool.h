/* SPDX-License-Identifier: Apache-2.0
 *
 * thread_pool.h - where thread_states come from and go back to, on any thread, with signals
 * open; private to thread.c and the writer.  Memory is never unmapped, so a state can be read at
 * any time by its index.
 */
#ifndef PROF_THREAD_POOL_H
#define PROF_THREAD_POOL_H

#include "thread.h"

/* [hook] A zeroed state in STARTING, or NULL (counted as lost). */
struct thread_state *thread_pool_take(void);

/* [hook] [writer] */
void thread_pool_give(struct thread_state *t);

/* [child] All states of the parent's are FREE, and stay so. */
void thread_pool_reset(void);

#endif
