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

int last_find(const struct last *l, uint32_t *limit, const struct last_frame *f)
{
	const struct last_frame *was;

	while (*limit && l->at[*limit - 1].sp < f->sp)
		--*limit;
	if (!*limit || *limit > l->simple)
		return -1;
	was = &l->at[*limit - 1];
	if (was->sp != f->sp || was->pc != f->pc || was->exact != f->exact || f->guessed ||
	    (was->fp_matters && (!f->fp_known || was->fp != f->fp)))
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

void last_keep(struct last *l, uint32_t kept, const struct last_frame *frames, uint32_t n)
{
	l->n = kept;
	if (l->simple > kept)
		l->simple = kept;
	if (kept + n > LAST_FRAMES_MAX) {
		l->n = l->simple = 0;
		return;
	}
	while (n--) {
		struct last_frame *f = &l->at[l->n];

		*f = frames[n];
		f->fp_matters = f->fp_used || (!f->fp_at && l->n && f[-1].fp_matters);
		l->simple += l->simple == l->n && f->simple;
		l->n++;
	}
}
