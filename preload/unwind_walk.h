/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_walk.h - what unwind.c, which walks a stack, and unwind_step.c, which takes the
 * odd steps, share; and the step of a plain row, which nearly all are.  Writer thread only.
 */
#ifndef PROF_UNWIND_WALK_H
#define PROF_UNWIND_WALK_H

#include <string.h>

#include "rows.h"
#include "unwind.h"
#include "unwind_cfi.h"
#include "unwind_last.h"

/* What rows track. */
#define UNWIND_TRACKED (1u << ARCH_IP | 1u << ARCH_SP | 1u << ARCH_FP)

#define KNOWN(w, reg) ((w)->f.valid >> (reg)&1)

/* What one step came to. */
enum step {
	STEP_DONE,    /* regs are the caller's */
	STEP_GUESSED, /* the same, along the frame-pointer chain */
	STEP_END,     /* there is no caller */
	STEP_MISSING, /* walk.missing is not in the copy */
	STEP_BROKEN,
	STEP_FULL,    /* no room for more frames */
	STEP_ALL_REGS /* a register that rows do not track is needed */
};

struct walk {
	struct cfi_frame f; /* the registers of the frame being left */
	const struct capture *c;
	struct unwound *out;
	uint64_t stack_start;	  /* run-time address of c->stack */
	uint64_t stack_words_end; /* from there, where no whole word begins any more */
	uint64_t missing;
	bool exact;		  /* the next pc is exact: a signal came there */
	bool ours;		  /* some frame is libprof.so's */
	struct last *last;	  /* the thread's stack before, or NULL */
	struct last_frame *frame; /* the one being left */
	uint32_t last_limit;	  /* see last_find */
	int resumed;		  /* at this frame of last, -1 not */
};

/* [writer] For a new picture of the process. */
void unwind_step_init(void);

/* [writer] The row of pc, which has none, after a look for what may have been mapped there
 * just now. */
const struct row *unwind_find_new_row(uint64_t pc);

/* [writer] From the frame in w->f, whose row is r (or NULL), to its caller.  all_regs: by the
 * tables, with every register. */
enum step unwind_step_odd(struct walk *w, const struct row *r, bool all_regs);

/* [writer] The row of pc, or NULL. */
static inline const struct row *unwind_find_row(uint64_t pc)
{
	const struct row *r = rows_get(pc);

	return r ? r : unwind_find_new_row(pc);
}

/* [writer] Copies a word of the captured stack; false, and w->missing, where it is not in
 * the copy. */
static inline bool unwind_read_stack(struct walk *w, uint64_t address, uint64_t *word)
{
	uint64_t at = address - w->stack_start;

	if (at >= w->stack_words_end) {
		w->missing = address;
		return false;
	}
	memcpy(word, w->c->stack + at, sizeof(*word));
	return true;
}

/* The caller's frame pointer; one that cannot be had is unknown from here on, which only
 * matters to a frame that needs it. */
static inline void unwind_restore_fp(struct walk *w, const struct row *r, uint64_t cfa)
{
	uint64_t at = cfa + (uint64_t)(int64_t)r->fp_offset;

	if (r->fp_where == ROW_SAME)
		return;
	if (r->fp_where == ROW_CFA && unwind_read_stack(w, at, &w->f.regs[ARCH_FP])) {
		w->frame->fp_at = at;
		w->frame->fp_word = w->f.regs[ARCH_FP];
		w->f.valid |= 1u << ARCH_FP;
		return;
	}
	w->frame->simple &= r->fp_where == ROW_LOST;
	w->f.valid &= ~(1u << ARCH_FP);
}

/* [writer] As unwind_step_odd, by a plain row. */
static inline enum step unwind_step_plain(struct walk *w, const struct row *r)
{
	uint64_t cfa = w->f.regs[r->reg] + (uint64_t)(int64_t)r->cfa_offset, ra;
	uint64_t at = cfa + (uint64_t)(int64_t)r->ra_offset;

	if (!KNOWN(w, r->reg))
		return STEP_ALL_REGS;
	if (cfa <= w->f.regs[ARCH_SP] || cfa & 7) /* frames only go up */
		return STEP_BROKEN;
	if (!unwind_read_stack(w, at, &ra))
		return STEP_MISSING;
	w->frame->ra_at = at;
	w->frame->ra = ra;
	w->frame->simple = !w->frame->guessed;
	w->f.valid &= UNWIND_TRACKED;
	unwind_restore_fp(w, r, cfa);
	w->f.regs[ARCH_IP] = ra;
	w->f.regs[ARCH_SP] = cfa;
	return STEP_DONE;
}

#endif
