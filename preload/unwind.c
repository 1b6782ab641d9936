/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind.c - see unwind.h.  A stack is walked by rows first.  They track the
 * stack pointer and the frame pointer alone; where a rule wants another
 * register, the walk starts again from the captured ones with libunwind, which tracks all.
 * Writer thread only.
 */
#include "unwind.h"

#include <errno.h>
#include <string.h>

#include "../include/prof_format.h"
#include "rows.h"
#include "sys.h"
#include "unwind_cfi.h"
#include "unwind_last.h"

#define KNOWN(w, reg) ((w)->f.valid >> (reg)&1)

/* An address farther above the copied bytes than any stack is garbage. */
#define STACK_BYTES_MAX (UINT64_C(1) << 30)

/* A pc that nothing is mapped at may be of an object loaded just now; /proc is asked
 * again, but not for every garbage value. */
#define REFRESH_NS 100000000u

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
	uint64_t stack_start; /* run-time address of c->stack */
	uint64_t missing;
	bool exact;		  /* the next pc is exact: a signal came there */
	bool ours;		  /* some frame is libprof.so's */
	struct last *last;	  /* the thread's stack before, or NULL */
	struct last_frame *frame; /* the one being left */
	uint32_t last_limit;	  /* see last_find */
	int resumed;		  /* at this frame of last, -1 not */
};

/* The frames walked, innermost first. */
static struct last_frame walked[LAST_FRAMES_MAX];

struct unwind_stats unwind_stats;
bool unwind_self_check;

static uint64_t next_refresh_ns;

int unwind_init(struct arena *arena, const char **why)
{
	int err;

	last_init(arena);
	*why = NULL;
	memset(&unwind_stats, 0, sizeof(unwind_stats));
	next_refresh_ns = 0;
	rows.made = 0;
	err = rows_init();
	if (err < 0) {
		*why = "no memory for the unwinder's row cache";
		return err;
	}
	return unwind_cfi_init(why);
}

static bool read_stack(struct walk *w, uint64_t address, uint64_t *word)
{
	uint64_t at = address - w->stack_start;

	if (at >= w->c->stack_bytes || w->c->stack_bytes - at < sizeof(*word)) {
		w->missing = address;
		return false;
	}
	memcpy(word, w->c->stack + at, sizeof(*word));
	return true;
}

static bool read_for_cfi(struct cfi_frame *f, uint64_t address, uint64_t *word)
{
	return read_stack(f->arg, address, word);
}

static const struct row *find_row(uint64_t pc)
{
	const struct row *r = rows_get(pc);
	uint64_t now;

	if (r || pc < 4096 || pc >= ARCH_KERNEL_START)
		return r;
	now = sys_now_ns();
	if (now < next_refresh_ns)
		return NULL;
	next_refresh_ns = now + REFRESH_NS;
	return maps_fill(now, pc) < 0 ? NULL : rows_get(pc);
}

/* Is what took the walk from here to the caller all that struct last_frame can say? */
static bool is_simple(const struct row *r)
{
	return r->kind == ROW_RULE && !r->deref && !r->signal && !r->lands &&
	       (r->reg == ARCH_SP || r->reg == ARCH_FP) && r->ra_where != ROW_IN_REG &&
	       r->fp_where != ROW_IN_REG;
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
	case ROW_BASE:
		known = read_stack(w, at, &w->f.regs[ARCH_FP]);
		w->frame->fp_at = at;
		w->frame->fp_word = w->f.regs[ARCH_FP];
		w->frame->simple &= known;
		break;
	case ROW_IN_REG:
		known = from < ARCH_REGS && KNOWN(w, from);
		if (known)
			w->f.regs[ARCH_FP] = w->f.regs[from];
	}
	w->f.valid &= ~(1u << ARCH_FP);
	w->f.valid |= (uint32_t)known << ARCH_FP;
}

static enum step step_by_rule(struct walk *w, const struct row *r)
{
	uint64_t base = w->f.regs[r->reg], cfa = base, at, ra;
	unsigned from = (unsigned)r->ra_offset;

	if (!KNOWN(w, r->reg))
		return STEP_ALL_REGS;
	if (r->deref && !read_stack(w, base + (uint64_t)(int64_t)r->deref_offset, &cfa))
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
	} else if (!read_stack(w, at, &ra)) {
		return STEP_MISSING;
	}
	w->frame->ra_at = at;
	w->frame->ra = ra;
	w->frame->simple = is_simple(r) && !w->frame->guessed;
	restore_fp(w, r, base, cfa);
	w->f.regs[ARCH_IP] = ra;
	w->f.regs[ARCH_SP] = cfa;
	w->f.valid &= 1u << ARCH_IP | 1u << ARCH_SP | 1u << ARCH_FP;
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

	if (!read_stack(w, sp, &ra))
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
	if (!read_stack(w, fp + 8, &ra) || !read_stack(w, fp, &caller_fp))
		return STEP_MISSING;
	if (!ra || !find_row(ra - 1))
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

static enum step step(struct walk *w, const struct row *r, bool all_regs)
{
	w->exact = false;
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

static enum unwind_end end_of(const struct walk *w, enum step s)
{
	uint64_t end = w->stack_start + w->c->stack_bytes;

	if (s == STEP_END)
		return UNWIND_WHOLE;
	if (!w->c->stack_bytes)
		return UNWIND_NO_STACK;
	/* A word that straddles the end of the copy is missing too. */
	if (s == STEP_MISSING && w->c->cut && w->missing + 8 > end &&
	    w->missing + 8 - end < STACK_BYTES_MAX)
		return UNWIND_TRUNCATED;
	return UNWIND_BROKEN;
}

static void push(struct walk *w, uint64_t pc, struct mapping *map, bool guessed)
{
	uint32_t n = w->out->frames++;

	w->out->pc[n] = pc;
	w->out->sp[n] = w->f.regs[ARCH_SP];
	w->out->map[n] = map;
	w->out->guessed[n] = guessed;
	w->ours |= map && map->ours;
}

static void note_frame(struct walk *w, uint64_t pc, bool guessed)
{
	uint32_t n = w->out->frames;

	w->frame = &walked[n < LAST_FRAMES_MAX ? n : LAST_FRAMES_MAX - 1];
	*w->frame = (struct last_frame){ .pc = pc,
					 .sp = w->f.regs[ARCH_SP],
					 .fp = w->f.regs[ARCH_FP],
					 .fp_known = KNOWN(w, ARCH_FP),
					 .exact = w->exact,
					 .guessed = guessed };
}

/* True when the stack goes on from here as the thread's last did: then the rest is there. */
static bool resume(struct walk *w)
{
	int k;

	if (!w->last || w->last->generation != maps_generation || /* it may change on the way */
	    w->out->frames >= UNWIND_FRAMES_MAX - LAST_FRAMES_MAX)
		return false;
	k = last_find(w->last, &w->last_limit, w->frame);
	if (k < 0 || !last_holds(w->last, (uint32_t)k, w->c, &w->last_limit))
		return false;
	w->resumed = k;
	for (; k >= 0; k--) {
		w->f.regs[ARCH_SP] = w->last->at[k].sp;
		push(w, w->last->at[k].pc, w->last->at[k].map, false);
	}
	return true;
}

/* What this walk has shown is the thread's last stack from now on. */
static void remember(struct walk *w)
{
	uint32_t kept = (uint32_t)(w->resumed + 1), n = w->out->frames - kept;

	if (!w->last || w->last->generation != maps_generation || w->out->end != UNWIND_WHOLE ||
	    n > LAST_FRAMES_MAX)
		return;
	if (!kept && n)
		walked[n - 1].simple = !walked[n - 1].guessed; /* the root */
	last_keep(w->last, kept, walked, n);
}

/* The rest of the way, from the state in w on. */
static enum step walk_on(struct walk *w, bool all_regs)
{
	struct unwound *out = w->out;
	enum step s = STEP_DONE;
	const struct row *r;

	while (s == STEP_DONE || s == STEP_GUESSED) {
		uint64_t pc = w->f.regs[ARCH_IP] - !w->exact;

		if (out->frames == UNWIND_FRAMES_MAX)
			return STEP_FULL;
		note_frame(w, pc, s == STEP_GUESSED);
		if (resume(w))
			return STEP_END;
		r = find_row(pc);
		if (!r && out->frames)
			return STEP_BROKEN;
		w->frame->map = r ? r->map : NULL;
		/* A handler returns to the trampoline's first byte: the byte before it is
		 * nobody's, though its unwind information covers it. */
		push(w, pc + (r && r->signal && !w->exact), r ? r->map : maps_find(pc),
		     s == STEP_GUESSED);
		w->f.regs[ARCH_IP] = pc; /* what tables are asked for */
		s = step(w, r, all_regs);
	}
	return s;
}

/* Walks from the captured registers.  False when rows alone cannot and
 * all_regs was not allowed. */
static bool walk(struct walk *w, const struct capture *c, bool all_regs, struct unwound *out)
{
	enum step s;

	*w = (struct walk){ .c = c,
			    .out = out,
			    .stack_start = c->regs[ARCH_SP],
			    .exact = true,
			    .last = all_regs ? NULL : last_of(c->thread),
			    .resumed = -1 };
	w->last_limit = w->last ? w->last->n : 0;
	memcpy(w->f.regs, c->regs, sizeof(w->f.regs));
	w->f.valid = c->valid;
	w->f.read = read_for_cfi;
	w->f.arg = w;
	out->frames = 0;
	s = walk_on(w, all_regs);
	if (s == STEP_ALL_REGS && !all_regs)
		return false;
	out->end = s == STEP_FULL ? UNWIND_TRUNCATED : end_of(w, s);
	remember(w);
	return true;
}

/* Takes out the frames of libprof.so.  With after_ours also those nearer the
 * leaf than its innermost run of frames. */
static void leave_out_ours(struct unwound *out, bool after_ours)
{
	uint32_t i = 0, n = 0;

	if (after_ours) {
		while (i < out->frames && !(out->map[i] && out->map[i]->ours))
			i++;
		if (i == out->frames)
			i = 0;
	}
	for (; i < out->frames; i++) {
		if (out->map[i] && out->map[i]->ours)
			continue;
		out->pc[n] = out->pc[i];
		out->sp[n] = out->sp[i];
		out->map[n] = out->map[i];
		out->guessed[n++] = out->guessed[i];
	}
	out->frames = n;
}

static void check(const struct capture *c, const struct unwound *by_rows)
{
	static struct unwound by_tables;
	struct walk w;

	walk(&w, c, true, &by_tables);
	unwind_stats.checked++;
	unwind_stats.disagreed +=
		by_tables.frames != by_rows->frames || by_tables.end != by_rows->end ||
		memcmp(by_tables.pc, by_rows->pc, by_rows->frames * sizeof(*by_rows->pc));
}

void unwind_stack(const struct capture *c, bool after_ours, struct unwound *out)
{
	const uint32_t needed = 1u << ARCH_IP | 1u << ARCH_SP;
	struct walk w = { .ours = false };

	out->frames = out->known = 0;
	out->end = UNWIND_NO_STACK;
	unwind_stats.stacks++;
	if ((c->valid & needed) != needed)
		return;
	if (walk(&w, c, false, out)) {
		unwind_stats.frames_by_row += out->frames;
		if (unwind_self_check)
			check(c, out);
	} else {
		unwind_stats.stacks_by_libunwind++;
		walk(&w, c, true, out);
	}
	unwind_stats.frames += out->frames;
	unwind_stats.rows_made = rows.made;
	if (w.ours)
		leave_out_ours(out, after_ours);
}
