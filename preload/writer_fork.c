/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_fork.c - the writer around a fork: the parent's keeps still for it, the
 * child's waits before it begins.  See writer_loop.h.
 */
#include "bell.h"
#include "config.h"
#include "ring.h"
#include "sys.h"
#include "writer_loop.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define FORK_WAIT_NS (50 * MS) /* a fork waits no longer for the writer */
#define GESTATION_NS (20 * MS) /* a forked child's time to exec */

/* Held while the writer works: a fork waits for it, so that the child does not
 * inherit the unwinder's memory in the middle of a change. */
struct lock loop_work;

bool loop_fork_begin(void)
{
	return lock_take_for(&loop_work, FORK_WAIT_NS);
}

void loop_fork_end(void)
{
	lock_drop(&loop_work);
}

/* A child that used less than one sampling period and sampled no allocation
 * has nothing to say. */
bool loop_child_has_something(void)
{
	return ring_has_events() ||
	       sys_clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= SECOND / config.cpu_hz;
}

bool loop_gestate(void)
{
	const unsigned ends = WRITER_EXIT | WRITER_EXEC | WRITER_PAUSE | WRITER_LEAVE;
	uint64_t until = sys_now_ns() + GESTATION_NS, now;
	uint32_t asked;

	while ((now = sys_now_ns()) < until) {
		bell_wait(NULL, 0, until - now);
		if (!(writer_peek_requests() & ends))
			continue;
		if (loop_child_has_something())
			return true;
		if (writer_take_requests(&asked) & (ends & ~WRITER_EXEC)) {
			writer_requests_done(asked);
			return false;
		}
		writer_requests_done(asked);
	}
	return true;
}
