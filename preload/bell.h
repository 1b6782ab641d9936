/* SPDX-License-Identifier: Apache-2.0
 *
 * bell.h - waking the writer.  With perf's rings the writer sleeps in poll, on descriptors that
 * the program does not have, so no hook can write to one; a futex needs
 * nothing but memory.  Between the two stands the bell thread: it shares the
 * writer's descriptors, sleeps on the futex and passes a ring on to an eventfd.
 * It runs when the bell is rung, and for a look each second.  Without perf it is not there, and
 * the writer sleeps on the futex.
 */
#ifndef PROF_BELL_H
#define PROF_BELL_H

#include <stdbool.h>
#include <stdint.h>

/* [hook] [signal] Rings.  One system call when the bell is silent, none when it
 * is ringing already. */
void bell_ring(void);

/* [writer] Starts the bell thread.  Where that fails, which the trace is told, the writer
 * sleeps on the futex itself (bell_wait works all the same, with no descriptors to poll). */
void bell_start(void);

/* [writer] Sleeps until the bell rings, a descriptor of fds is ready, or
 * timeout_ns have passed; silences the bell. */
struct pollfd;
void bell_wait(struct pollfd *fds, unsigned n, uint64_t timeout_ns);

/* [writer] Ends and joins the bell thread. */
void bell_stop(void);

/* [child] */
void bell_reset(void);

/* [writer] The bell thread's id, -1 before its first breath, 0 without one, and its CPU time.
 * The thread is ours: it is never profiled. */
int bell_tid(void);
uint64_t bell_cpu_ns(void);

#endif
