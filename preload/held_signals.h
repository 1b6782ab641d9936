/* SPDX-License-Identifier: Apache-2.0
 *
 * held_signals.h - around a write on a thread of the program: a pipe that nobody reads and a
 * file at RLIMIT_FSIZE answer with a signal that ends the program.  It is taken back
 * before anybody sees it; one that waited already is the program's and stays.
 */
#ifndef PROF_HELD_SIGNALS_H
#define PROF_HELD_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

#define HELD_MASK_BYTES 8u
#define HELD_BIT(sig) (UINT64_C(1) << ((sig)-1))

struct held_signals {
	uint64_t old, ours; /* the thread's mask before; what no write but ours can have raised */
};

/* False when they cannot be held: then nothing may be written. */
static inline bool signals_hold(struct held_signals *h)
{
	uint64_t both = HELD_BIT(SIGPIPE) | HELD_BIT(SIGXFSZ), pending = 0;

	h->old = 0;
	if (SYS_CALL(SYS_rt_sigprocmask, SIG_BLOCK, &both, &h->old, HELD_MASK_BYTES, 0, 0) < 0)
		return false;
	if (h->old & both)
		SYS_CALL(SYS_rt_sigpending, &pending, HELD_MASK_BYTES, 0, 0, 0, 0);
	h->ours = both & ~pending;
	return true;
}

/* raised: a write has failed with EPIPE or EFBIG, or may have. */
static inline void signals_let_go(const struct held_signals *h, bool raised)
{
	struct timespec now = { 0, 0 };

	while (raised &&
	       SYS_CALL(SYS_rt_sigtimedwait, &h->ours, NULL, &now, HELD_MASK_BYTES, 0, 0) > 0)
		;
	SYS_CALL(SYS_rt_sigprocmask, SIG_SETMASK, &h->old, NULL, HELD_MASK_BYTES, 0, 0);
}

#endif
