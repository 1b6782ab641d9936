/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_last.c - see unwind_last.h.
 */
#include "unwind_last.h"

#include <string.h>

#define LISTS 32u /* threads remembered at a time: 640 KiB at the very most */

static struct arena *memory;
static struct last *lists[LISTS];

void last_init(struct arena *arena)
{
	memory = arena;
	memset(lists, 0, sizeof(lists));
}

struct last *last_of(uint32_t thread)
{
	struct last **l = &lists[thread % LISTS];

	if (!thread)
		return NULL;
	if (!*l)
		*l = arena_alloc(memory, sizeof(**l));
	if (*l && ((*l)->thread != thread || (*l)->generation != maps_generation)) {
		(*l)->thread = thread;
		(*l)->generation = maps_generation;
		(*l)->n = (*l)->simple = 0;
	}
	return *l;
}

int last_find(const struct last *l, uint32_t *limit, uint64_t pc, uint64_t sp,
	      const struct last_note *came)
{
	const struct last_frame *was;

	while (*limit && l->at[*limit - 1].sp < sp)
		--*limit;
	if (!*limit || *limit > l->simple)
		return -1;
	was = &l->at[*limit - 1];
	if (was->sp != sp || was->pc != pc || was->exact != !!(came->how & LAST_EXACT) ||
	    (was->fp_matters && (!(came->how & LAST_FP_KNOWN) || was->fp != came->fp)))
		return -1;
	return (int)*limit - 1;
}

static bool word_is(const struct capture *c, uint64_t address, uint64_t value)
{
	uint64_t at = address - c->regs[ARCH_SP], word;

	if (at >= c->stack_bytes || c->stack_bytes - at < sizeof(word))
		return false;
	memcpy(&word, c->stack + at, sizeof(word));
	return word == value;
}

bool last_holds(const struct last *l, uint32_t k, const struct capture *c, uint32_t *limit)
{
	for (; k; k--) { /* the root is not left */
		const struct last_frame *f = &l->at[k];

		if (!word_is(c, f->ra_at, f->ra) ||
		    (last_fp_is_read(l, k) && !word_is(c, f->fp_at, f->fp_word))) {
			*limit = k;
			return false;
		}
	}
	return true;
}

/* Frame i of u, the place after l's last: its caller lies there, unless it is the root.  What was
 * read to leave it follows from the caller where a plain row led on; else it means nothing. */
static struct last_frame frame_of(const struct unwound *u, const struct last_note *notes,
				  uint32_t i, const struct last_frame *caller)
{
	const struct last_note *note = &notes[i];
	struct last_frame f = { .pc = u->pc[i],
				.sp = u->sp[i],
				.fp = note->fp,
				.fp_at = note->fp_at,
				.map = u->map[i],
				.exact = note->how & LAST_EXACT,
				.fp_matters = note->how & PLAIN_BY_FP };

	if (caller) {
		f.ra_at = caller->sp + (uint64_t)(int64_t)ARCH_RA_OFFSET;
		f.ra = caller->pc + 1;
		f.fp_word = caller->fp;
		f.fp_matters |= !f.fp_at && caller->fp_matters;
	}
	return f;
}

void last_keep(struct last *l, uint32_t kept, const struct unwound *u,
	       const struct last_note *notes, uint32_t n)
{
	l->n = kept;
	if (l->simple > kept)
		l->simple = kept;
	if (kept + n > LAST_FRAMES_MAX) {
		l->n = l->simple = 0;
		return;
	}
	while (n--) {
		l->at[l->n] = frame_of(u, notes, n, l->n ? &l->at[l->n - 1] : NULL);
		l->simple += l->simple == l->n && notes[n].how & PLAIN;
		l->n++;
	}
}
