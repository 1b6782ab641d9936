/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_step.c - the steps of a walk that unwind.c's loop over plain rows leaves: by a row
 * of any form, by the tables, along the frame pointer.  Rows track the stack pointer and the frame
 * pointer alone.
 */
#include "unwind_walk.h"

#include <errno.h>

#include "../include/prof_format.h"
#include "sys.h"

/* A pc that nothing is mapped at may be of an object loaded just now; /proc is asked
 * again, but not for every garbage value. */

static uint64_t next_refresh_ns;

void unwind_step_init(void)
{
	next_refresh_ns = 0;
}

const struct row *unwind_find_new_row(uint64_t pc)
{
	uint64_t now, took;
	int err;

	if (pc < 4096 || pc >= ARCH_KERNEL_START)
		return NULL;
	now = sys_now_ns();
	if (now < next_refresh_ns)
		return NULL;
	err = maps_fill(now, pc);
	took = sys_now_ns() - now;
	next_refresh_ns = now + maps_pause_ns(took);
	return err < 0 ? NULL : rows_get(pc);
}

/* The caller's frame pointer; one that cannot be had is unknown from here on,
 * which only matters to a frame that needs it. */
static void restore_fp(struct walk *w, const struct row *r, uint64_t base, uint64_t cfa)
{
	unsigned from = (unsigned)r->fp_offset;
	uint64_t at = (r->fp_where == ROW_CFA ? cfa : base) + (uint64_t)(int64_t)r->fp_offset;
	bool known = false;

	switch (r->fp_where) {
	case ROW_SAME: return;
	case ROW_CFA:
	case ROW_BASE: known = unwind_read_stack(w, at, &w->f.regs[ARCH_FP]); break;
	case ROW_IN_REG:
		known = from < ARCH_REGS && KNOWN(w, from);
		if (known)
			w->f.regs[ARCH_FP] = w->f.regs[from];
	}
	w->f.valid &= ~(1u << ARCH_FP);
	w->f.valid |= (uint32_t)known << ARCH_FP;
}

/* Any rule that a row can hold. */
static enum step step_by_rule(struct walk *w, const struct row *r)
{
	uint64_t base = w->f.regs[r->reg], cfa = base, at, ra;
	unsigned from = (unsigned)r->ra_offset;

	if (!KNOWN(w, r->reg))
		return STEP_ALL_REGS;
	if (r->deref && !unwind_read_stack(w, base + (uint64_t)(int64_t)r->deref_offset, &cfa))
		return STEP_MISSING;
	cfa += (uint64_t)(int64_t)r->cfa_offset;
	/* Frames only go up, or stay where the return address was taken off the stack; where
	 * a signal came in, the kernel says where to. */
	if (!r->signal && (cfa < w->f.regs[ARCH_SP] + (r->ra_where != ROW_IN_REG) || cfa & 7))
		return STEP_BROKEN;
	at = (r->ra_where == ROW_CFA ? cfa : base) + (uint64_t)(int64_t)r->ra_offset;
	if (r->ra_where == ROW_IN_REG) {
		if (from >= ARCH_REGS || !KNOWN(w, from))
			return STEP_ALL_REGS;
		ra = w->f.regs[from];
	} else if (!unwind_read_stack(w, at, &ra)) {
		return STEP_MISSING;
	}
	restore_fp(w, r, base, cfa);
	w->f.regs[ARCH_IP] = ra;
	w->f.regs[ARCH_SP] = cfa;
	w->f.valid &= UNWIND_TRACKED;
	w->exact = r->signal;
	return STEP_DONE;
}

/* Takes the word at sp for the return address of a leaf that has pushed
 * nothing.  With sure only if a call instruction stands before it. */
static enum step step_over_leaf(struct walk *w, bool sure)
{
	uint64_t sp = w->f.regs[ARCH_SP], ra;
	const struct mapping *map;
	uint8_t code[16];

	if (!unwind_read_stack(w, sp, &ra))
		return STEP_MISSING;
	map = maps_find(ra - 1);
	if (!map || map->flags & PROF_MAP_KERNEL)
		return STEP_BROKEN;
	if (sure && !(rows_read_code(map, ra - 16, code) && arch_ends_in_call(code + 8)))
		return STEP_BROKEN;
	w->f.regs[ARCH_IP] = ra;
	w->f.regs[ARCH_SP] = sp + 8;
	w->f.valid &= ARCH_CALLEE_SAVED;
	return STEP_GUESSED;
}

/* No tables for the pc: a leaf of assembly in a file may have no frame yet,
 * everything else is taken to keep the frame pointer. */
static enum step step_by_guess(struct walk *w, const struct mapping *map)
{
	uint64_t fp = w->f.regs[ARCH_FP], ra, caller_fp;

	if (w->out->frames == 1 && map->image && step_over_leaf(w, true) == STEP_GUESSED)
		return STEP_GUESSED;
	if (!KNOWN(w, ARCH_FP) || fp & 7 || fp < w->f.regs[ARCH_SP])
		return STEP_BROKEN;
	if (!unwind_read_stack(w, fp + 8, &ra) || !unwind_read_stack(w, fp, &caller_fp))
		return STEP_MISSING;
	if (!ra || !unwind_find_row(ra - 1))
		return STEP_BROKEN;
	w->f.regs[ARCH_IP] = ra;
	w->f.regs[ARCH_SP] = fp + 16;
	w->f.regs[ARCH_FP] = caller_fp;
	w->f.valid &= ARCH_CALLEE_SAVED;
	return STEP_GUESSED;
}

/* One step with every register, by libunwind. */
static enum step step_by_tables(struct walk *w, const struct row *r)
{
	uint64_t sp = w->f.regs[ARCH_SP];
	bool signal = false;
	int ret;

	w->f.map = r->map;
	w->missing = 0;
	ret = unwind_cfi_step(&w->f, &signal);
	if (ret == -ENOENT)
		return r->kind == ROW_RULE  ? step_by_rule(w, r)
		       : r->kind == ROW_END ? STEP_END
					    : step_by_guess(w, r->map);
	if (ret < 0)
		return w->missing ? STEP_MISSING : STEP_BROKEN;
	if (!ret)
		return STEP_END;
	/* As in step_by_rule; only a leaf may have its return address in a register. */
	if (!signal && (w->f.regs[ARCH_SP] < sp + (w->out->frames > 1) || w->f.regs[ARCH_SP] & 7))
		return STEP_BROKEN;
	w->exact = signal;
	return STEP_DONE;
}

enum step unwind_step_odd(struct walk *w, const struct row *r, bool all_regs)
{
	if (!r)
		return w->out->frames == 1 ? step_over_leaf(w, false) : STEP_BROKEN;
	/* Any of what is saved there, the return address too, may be another frame's. */
	if (r->lands)
		return STEP_BROKEN;
	if (all_regs)
		return step_by_tables(w, r);
	switch (r->kind) {
	case ROW_RULE: return step_by_rule(w, r);
	case ROW_END: return STEP_END;
	case ROW_GUESS: return step_by_guess(w, r->map);
	default: return STEP_ALL_REGS;
	}
}
