/* SPDX-License-Identifier: Apache-2.0
 *
 * writer_request.c - see writer.h and writer_loop.h: what hooks ask of the writer, and how they
 * hear that it is done.
 */
#include <stdatomic.h>

#include "bell.h"
#include "sys.h"
#include "writer_loop.h"

static struct {
	_Atomic uint32_t pending;     /* not yet taken, enum writer_request */
	_Atomic uint32_t asked, done; /* counted: done follows asked */
} r;

unsigned writer_take_requests(uint32_t *asked)
{
	*asked = atomic_load(&r.asked);
	return atomic_exchange(&r.pending, 0);
}

unsigned writer_peek_requests(void)
{
	return atomic_load(&r.pending);
}

unsigned writer_take_back(unsigned requests)
{
	return atomic_fetch_and(&r.pending, ~requests);
}

void writer_requests_done(uint32_t asked)
{
	if (atomic_load_explicit(&r.done, memory_order_relaxed) == asked)
		return;
	atomic_store_explicit(&r.done, asked, memory_order_release);
	sys_futex_wake(&r.done);
}

void writer_requests_end(void)
{
	sys_futex_wake(&r.done);
}

void writer_requests_reset(void)
{
	atomic_store(&r.pending, 0);
	atomic_store(&r.asked, 0);
	atomic_store(&r.done, 0);
}

/* asked is counted after the bits are there: whoever sees the count sees them. */
bool writer_request(unsigned requests, uint64_t timeout_ns)
{
	uint64_t until = sys_now_ns() + timeout_ns, now;
	uint32_t mine, done;

	if (!writer_is_running())
		return false;
	atomic_fetch_or(&r.pending, requests);
	mine = atomic_fetch_add(&r.asked, 1) + 1;
	bell_ring();
	while ((int32_t)((done = atomic_load_explicit(&r.done, memory_order_acquire)) - mine) < 0) {
		now = sys_now_ns();
		if (now >= until || !writer_is_running())
			return false;
		sys_futex_wait(&r.done, done, until - now);
	}
	return true;
}
