/* SPDX-License-Identifier: Apache-2.0
 *
 * section.h - a stretch of a hook that makes one event, on a thread whose signals stay
 * open.  A handler of the program may come in between, make events of its own, and
 * siglongjmp out of it.  Nobody is held up then: what a section touches has no locks
 * (live.c), and the record it had reserved in the ring is given up, and counted as lost,
 * by the thread itself when it next opens a section or ends.
 *
 *	struct section s;
 *	if (section_enter(&s, PROF_LOSS_HEAP_RING)) {
 *		e = section_reserve(&s, bytes, kind);
 *		if (e) { fill e; section_commit(&s, e); }
 *		section_leave(&s);
 *	}
 *
 * Whether a section was jumped out of shows by its thread's stack, where it stands: it
 * was when what it wrote there is gone, or when the thread calls from above it.  On any
 * other stack (a coroutine's, an alternate one), and on a thread not registered yet,
 * signals are held instead (guard.h).
 *
 * guard.h costs two system calls, 0.9 us on a virtual machine; this, a few stores.
 */
#ifndef PROF_SECTION_H
#define PROF_SECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "../include/prof_format.h"
#include "guard.h"
#include "ring.h"

/* On the stack of who opens it. */
struct section {
	uint64_t token;	      /* also in the thread's list; no two are alike */
	uint32_t place;	      /* in the thread's list */
	bool guarded;	      /* signals are held, and nothing is in the list */
	enum prof_loss event; /* counted when it is jumped out of */
	struct guard guard;
};

/* [hook] False: too many are open, and the event is counted as lost. */
bool section_enter(struct section *s, enum prof_loss event);

/* [hook] ring_reserve; another record may be reserved after its commit. */
struct ring_event *section_reserve(struct section *s, uint32_t bytes, enum ring_kind kind);

/* [hook] The event is counted as lost already, by the caller. */
void section_lost(struct section *s);

/* [hook] ring_commit. */
void section_commit(struct section *s, struct ring_event *e);

/* [hook] While an event waits for room nothing is held. */
void section_pause(struct section *s);
void section_resume(struct section *s);

/* [hook] */
void section_leave(struct section *s);

/* [hook] Gives up what was left of the calling thread's sections; true when one is open: this
 * is a handler that came in between.  Not to be asked inside one's own. */
bool section_is_open(void);

/* [hook] Around a fork by a handler that came in between: when it returns in the child,
 * what was begun goes on there, in a copy of what it has begun with. */
void section_before_fork(void);
void section_after_fork(void);

/* [hook] The calling thread ends: all of its sections have been left. */
void section_end_all(void);

#endif
