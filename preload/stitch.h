/* SPDX-License-Identifier: Apache-2.0
 *
 * stitch.h - the root end of stacks that are deeper than their copy.  Of each
 * thread that was seen deep the stack is remembered as it was last known, root
 * first: where every frame lies, its return address, its node.  A truncated stack whose
 * outermost frame is one of these is given that frame's callers.  The writer's alone.
 *
 * A frame that is alive keeps its callers; the question is whether it still is the same
 * one, or another call at the same place with the same return address.  So:
 *
 * - what a sample contradicts is forgotten: frames below its stack pointer have
 *   returned, and frames that its copy shows otherwise were others;
 * - one frame is not enough: the frames next to it must be the same, too, with what
 *   their calls saved on the stack (return address, registers), which no live frame changes;
 * - nor is one look: the frame was there in two before, one after the other;
 * - a place that whole stacks have shown with other callers before is not trusted.
 *
 * A stack that a hook knew (known_stacks.h) came without a copy: it shows where frames are, and
 * says nothing of what their calls saved.
 *
 * What is left are calls that went all the way back and came again by a way not seen before,
 * between two samples, and left the very same words behind.  No copy can tell: hence
 * the mark (UNWIND_STITCHED) on every stack whose root end comes from here.
 */
#ifndef PROF_STITCH_H
#define PROF_STITCH_H

#include <stdint.h>

#include "arena.h"
#include "unwind.h"

struct thread_info;

/* [writer] Forgets everything.  stack_bytes is the most that a capture copies. */
void stitch_init(struct arena *arena, uint32_t stack_bytes);

/* [writer] Around the interning of a stack u of thread t at t_ns, unwound from c:
 *
 *	stitch_find(t, t_ns, c, u);	may set u->known and turn u->end into UNWIND_STITCHED
 *	node = stack_intern(u, ...);
 *	stitch_keep(t, t_ns, c, u);
 */
void stitch_find(struct thread_info *t, uint64_t t_ns, const struct capture *c, struct unwound *u);
void stitch_keep(struct thread_info *t, uint64_t t_ns, const struct capture *c,
		 const struct unwound *u);

/* [writer] Gives the remembered nodes their numbers in a new table of stacks. */
void stitch_renumber(uint32_t (*keep)(uint32_t node));

#endif
