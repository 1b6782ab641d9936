/* SPDX-License-Identifier: Apache-2.0
 *
 * section.c - see section.h.  The list is of the thread's own: what changes it is the
 * thread, and handlers on it, each of which leaves it as it was or never comes back.
 */
#include "section.h"

#include <signal.h>
#include <stdatomic.h>

#include "stats.h"
#include "sys.h"
#include "thread.h"

/* A handler's frames begin at least this far below what it interrupted: the kernel's
 * frame for a signal (red zone, context, floating-point state) is larger on every CPU. */
#define SIGNAL_FRAME_MIN 1000u
#define OWNER_MASK 0xffffffu /* threads 2^24 apart share a ring owner's number */

static struct thread_section *open_at(struct thread_state *t, uint32_t place)
{
	return &t->sections[place];
}

static bool on_alternate_stack(void)
{
	stack_t now = { .ss_flags = 0 };

	return SYS_CALL(SYS_sigaltstack, NULL, &now, 0, 0, 0, 0) == 0 && now.ss_flags & SS_ONSTACK;
}

/* sp: of the call that asks. */
static bool was_left(const struct thread_section *o, uint64_t sp)
{
	uint64_t top, frame = (uint64_t)(uintptr_t)o->frame;

	if (*(const volatile uint64_t *)&o->frame->token != o->token)
		return true;
	return thread_stack_bounds(sp, &top) && sp + SIGNAL_FRAME_MIN > frame &&
	       !on_alternate_stack();
}

/* The last of the list; it is off the list before anything else is done, as a handler
 * may come in, or this be jumped out of. */
static void give_up_last(struct thread_state *t)
{
	uint32_t place = t->section_count - 1;
	struct thread_section left = *open_at(t, place);

	t->section_count = place;
	atomic_signal_fence(memory_order_seq_cst);
	if (left.event)
		ring_give_up(left.event, t->index & OWNER_MASK);
	if (!left.told)
		stats_lose(left.loss, 1);
}

static void give_up_left(struct thread_state *t, uint64_t sp)
{
	while (t->section_count && was_left(open_at(t, t->section_count - 1), sp))
		give_up_last(t);
}

static void fill(struct thread_section *o, struct section *s)
{
	*o = (struct thread_section){ .frame = s, .token = s->token, .loss = s->event };
	atomic_signal_fence(memory_order_seq_cst);
}

/* A handler may come in anywhere: until it is counted, the place may be taken by another,
 * and filled again. */
static bool take_place(struct thread_state *t, struct section *s)
{
	struct thread_section *o;

	if (t->section_count)
		give_up_left(t, (uint64_t)(uintptr_t)s);
	if (t->section_count >= THREAD_SECTIONS)
		return false;
	s->token = ++t->section_tokens * UINT64_C(0x9e3779b97f4a7c15) ^ (uintptr_t)t;
	s->place = t->section_count;
	o = open_at(t, s->place);
	fill(o, s);
	t->section_count = s->place + 1;
	atomic_signal_fence(memory_order_seq_cst);
	if (o->frame != s || o->token != s->token) {
		fill(o, s);
		t->section_count = s->place + 1;
		atomic_signal_fence(memory_order_seq_cst);
	}
	return true;
}

bool section_enter(struct section *s, enum prof_loss event)
{
	uint64_t top;

	s->event = event;
	s->guarded = !thread_stack_bounds((uint64_t)(uintptr_t)s, &top);
	if (s->guarded) {
		guard_enter(&s->guard);
		return true;
	}
	if (take_place(thread_tls.self, s))
		return true;
	stats_lose(event, 1);
	return false;
}

struct ring_event *section_reserve(struct section *s, uint32_t bytes, enum ring_kind kind)
{
	struct thread_state *t = thread_tls.self;
	struct ring_owner owner;
	struct ring_event *e;

	if (s->guarded)
		return ring_reserve(bytes, kind);
	open_at(t, s->place)->told = false;
	owner = (struct ring_owner){ t->index & OWNER_MASK, &open_at(t, s->place)->event };
	e = ring_reserve_for(&owner, bytes, kind);
	if (!e)
		open_at(t, s->place)->event = NULL;
	return e;
}

void section_lost(struct section *s)
{
	if (!s->guarded)
		open_at(thread_tls.self, s->place)->told = true;
}

/* Once it is committed its room is somebody else's: it is forgotten before. */
void section_commit(struct section *s, struct ring_event *e)
{
	if (!s->guarded) {
		open_at(thread_tls.self, s->place)->event = NULL;
		atomic_signal_fence(memory_order_seq_cst);
	}
	ring_commit(e);
	if (!s->guarded) {
		atomic_signal_fence(memory_order_seq_cst);
		open_at(thread_tls.self, s->place)->told = true;
	}
}

void section_pause(struct section *s)
{
	if (s->guarded)
		guard_leave(&s->guard);
}

void section_resume(struct section *s)
{
	if (s->guarded)
		guard_enter(&s->guard);
}

void section_leave(struct section *s)
{
	struct thread_state *t = thread_tls.self;

	if (s->guarded) {
		guard_leave(&s->guard);
		return;
	}
	atomic_signal_fence(memory_order_seq_cst);
	/* Handlers that came in between and jumped about left theirs above. */
	while (t->section_count > s->place + 1)
		give_up_last(t);
	t->section_count = s->place;
}

bool section_is_open(void)
{
	struct thread_state *t = thread_tls.self;

	if (!t || !t->section_count)
		return false;
	give_up_left(t, (uint64_t)(uintptr_t)__builtin_frame_address(0));
	return t->section_count > 0;
}

void section_before_fork(void)
{
	if (section_is_open())
		ring_share(true);
}

void section_after_fork(void)
{
	if (section_is_open())
		ring_share(false);
}

void section_end_all(void)
{
	struct thread_state *t = thread_tls.self;

	while (t && t->section_count)
		give_up_last(t);
}
