/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_last.h - the stack that each thread was last seen with, and the words that were
 * read to walk it.  Most samples of a thread share all frames but the innermost few with the
 * one before: where the walk comes to a frame that it came to then, in the same state,
 * and all words that led from there to the root are still the same, so is the rest.
 * That costs a read a frame, or two, and no look for its row.  Writer thread only.
 */
#ifndef PROF_UNWIND_LAST_H
#define PROF_UNWIND_LAST_H

#include <stdbool.h>
#include <stdint.h>

#include "rows.h"
#include "unwind.h"

#define LAST_FRAMES_MAX 256u

/* How a walk came to a frame and left it, beside what struct unwound says. */
struct last_note {
	uint64_t fp;
	uint64_t fp_at; /* the caller's frame pointer was read there; 0: not */
	uint32_t how;	/* enum last_how, and of the row that led on, enum row_plain */
};

enum last_how {
	LAST_FP_KNOWN = 1 << 8,
	LAST_EXACT = 1 << 9, /* the pc is that of an interrupted instruction */
};

/* A frame as the walk came to it, and what it read to leave it. */
struct last_frame {
	uint64_t pc, sp, fp;
	uint64_t ra_at, ra;
	uint64_t fp_at, fp_word; /* fp_at 0: not read */
	struct mapping *map;
	bool exact;
	bool fp_matters; /* it was left by the frame pointer, or one on the way to the root was */
};

/* Root first. */
struct last {
	uint32_t thread; /* 0 nobody's */
	uint32_t generation;
	uint32_t n;
	uint32_t simple; /* so many: the root, and on from there what plain rows led on from */
	struct last_frame at[LAST_FRAMES_MAX];
};

/* [writer] Forgets all. */
void last_init(struct arena *arena);

/* [writer] Of the thread with this id, as the mappings are now; NULL when there is no memory
 * or no thread (0). */
struct last *last_of(uint32_t thread);

/* Was the frame pointer read, on leaving frame k, that some caller was left by?  Any other is
 * data of the program's. */
static inline bool last_fp_is_read(const struct last *l, uint32_t k)
{
	return l->at[k].fp_at && l->at[k - 1].fp_matters;
}

/* [writer] The frame below *limit that the walk has come to, or -1.  *limit falls with
 * each frame that the walk has passed. */
int last_find(const struct last *l, uint32_t *limit, uint64_t pc, uint64_t sp,
	      const struct last_note *came);

/* The stack pointer that the walk has to come to for there to be such a frame. */
static inline uint64_t last_next_sp(const struct last *l, uint32_t limit)
{
	return limit ? l->at[limit - 1].sp : UINT64_MAX;
}

/* [writer] Are the words that led from frame k to the root the same in c?  If not, *limit is the
 * frame that was left by another way. */
bool last_holds(const struct last *l, uint32_t k, const struct capture *c, uint32_t *limit);

/* [writer] Now the stack is its first `kept` frames as before and the n innermost ones of u. */
void last_keep(struct last *l, uint32_t kept, const struct unwound *u,
	       const struct last_note *notes, uint32_t n);

#endif
