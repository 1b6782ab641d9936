/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.h - a mutex of one word over futex, for state that hooks share.  No
 * libc, so it can be used before libc is ready and reset in a forked child;
 * never held across a call out of this library.  0 free, 1 held, 2 held and
 * waited for.
 */
#ifndef PROF_LOCK_H
#define PROF_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

struct lock {
	_Atomic uint32_t word;
};

static inline bool lock_try(struct lock *l)
{
	uint32_t expected = 0;

	return atomic_compare_exchange_strong_explicit(&l->word, &expected, 1, memory_order_acquire,
						       memory_order_relaxed);
}

/* A sandbox may refuse the call that wakes: nobody sleeps for ever. */
#define LOCK_SLEEP_NS UINT64_C(5000000)

static inline void lock_take(struct lock *l)
{
	if (lock_try(l))
		return;
	while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire))
		sys_futex_wait(&l->word, 2, LOCK_SLEEP_NS);
}

/* As lock_take, but false after timeout_ns. */
static inline bool lock_take_for(struct lock *l, uint64_t timeout_ns)
{
	uint64_t now, until;

	if (lock_try(l))
		return true;
	until = sys_now_ns() + timeout_ns;
	while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire)) {
		now = sys_now_ns();
		if (now >= until)
			return false;
		sys_futex_wait(&l->word, 2, until - now);
	}
	return true;
}

static inline void lock_drop(struct lock *l)
{
	if (atomic_exchange_explicit(&l->word, 0, memory_order_release) == 2)
		SYS_CALL(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

#endif
