/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_ends.c - see stack_ends.h.  A marker as the outermost frame says what became
 * of a stack; callers have smaller ids, so one pass finds the end of every node.
 */
#include "stack_ends.h"

static enum stack_end end_of_frame(const struct frame *frame)
{
	static const enum stack_end ends[] = {
		[PROF_MARKER_TRUNCATED] = STACK_TRUNCATED,
		[PROF_MARKER_BROKEN] = STACK_BROKEN,
		[PROF_MARKER_STITCHED] = STACK_STITCHED,
	};

	if (frame->kind == FRAME_CODE)
		return STACK_WHOLE;
	if (frame->kind == FRAME_MARKER && frame->address < G_N_ELEMENTS(ends) &&
	    ends[frame->address])
		return ends[frame->address];
	return STACK_UNKNOWN;
}

void stack_ends_sum(struct profile *p)
{
	guint8 *ends = g_new0(guint8, p->nodes->len);

	for (guint i = 1; i < p->nodes->len; i++) {
		const struct node *node = profile_node(p, i);

		ends[i] = node->parent ? ends[node->parent]
				       : (guint8)end_of_frame(profile_frame(p, node->frame));
	}
	for (guint i = 1; i < p->cells->len; i++) {
		const struct cell *cell = &g_array_index(p->cells, struct cell, i);
		const struct thread *thread = profile_thread(p, cell->thread);

		profile_process(p, thread->process)->ends[ends[cell->stack]] += cell->samples;
	}
	g_free(ends);
}

const char *stack_end_name(enum stack_end end)
{
#define STACK_END_NAME(id, name) name,
	static const char *const names[] = { PROFILE_STACK_ENDS(STACK_END_NAME) };

	return names[end];
}
