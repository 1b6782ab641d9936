/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_walk.h - what unwind.c, which walks a stack, and unwind_step.c, which takes the
 * odd steps, share.  Writer thread only.
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
	bool exact;	     /* the next pc is exact: a signal came there */
	bool ours;	     /* some frame is libprof.so's */
	struct last *last;   /* the thread's stack before, or NULL */
	uint32_t last_limit; /* see last_find */
	int resumed;	     /* at this frame of last, -1 not */
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

#endif
