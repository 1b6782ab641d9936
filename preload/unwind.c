/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind.c - see unwind.h.  A stack is walked by rows first.  They track the
 * stack pointer and the frame pointer alone; where a rule wants another
 * register, the walk starts again from the captured ones with libunwind, which tracks all.
 * Writer thread only.
 */
#include <errno.h>
#include <string.h>

#include "../include/prof_format.h"
#include "apart.h"
#include "ring.h"
#include "unwind_walk.h"

/* An address farther above the copied bytes than any stack is garbage. */
#define STACK_BYTES_MAX (UINT64_C(1) << 30)

/* Of the frames walked, innermost first. */
static struct last_note notes[UNWIND_FRAMES_MAX] APART;

struct unwind_stats unwind_stats;
bool unwind_self_check;

int unwind_init(struct arena *arena, const char **why)
{
	int err;

	last_init(arena);
	*why = NULL;
	memset(&unwind_stats, 0, sizeof(unwind_stats));
	unwind_step_init();
	rows.made = 0;
	err = rows_init();
	if (err < 0) {
		*why = "no memory for the unwinder's row cache";
		return err;
	}
	return unwind_cfi_init(why);
}

static bool read_for_cfi(struct cfi_frame *f, uint64_t address, uint64_t *word)
{
	return unwind_read_stack(f->arg, address, word);
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

static inline void put(struct unwound *out, uint32_t n, uint64_t pc, uint64_t sp,
		       struct mapping *map, bool guessed)
{
	out->pc[n] = pc;
	out->sp[n] = sp;
	out->map[n] = map;
	out->guessed[n] = guessed;
}

static inline void note_frame(uint32_t n, uint64_t fp, uint64_t fp_at, uint32_t how)
{
	notes[n].fp = fp;
	notes[n].fp_at = fp_at;
	notes[n].how = how;
}

static uint32_t how_came(const struct walk *w)
{
	return (KNOWN(w, ARCH_FP) ? LAST_FP_KNOWN : 0) | (w->exact ? LAST_EXACT : 0);
}

static inline bool is_ours(const struct mapping *map)
{
	return map && map->ours;
}

/* True when the stack goes on from here as the thread's last did: then the rest is there. */
static bool resume(struct walk *w)
{
	uint32_t n = w->out->frames;
	int k;

	if (w->last->generation != maps_generation || /* it may change on the way */
	    n >= UNWIND_FRAMES_MAX - LAST_FRAMES_MAX)
		return false;
	k = last_find(w->last, &w->last_limit, w->f.regs[ARCH_IP] - !w->exact, w->f.regs[ARCH_SP],
		      &notes[n]);
	if (k < 0 || !last_holds(w->last, (uint32_t)k, w->c, &w->last_limit))
		return false;
	w->resumed = k;
	for (; k >= 0; k--) {
		const struct last_frame *f = &w->last->at[k];

		put(w->out, w->out->frames++, f->pc, f->sp, f->map, false);
		w->ours |= is_ours(f->map);
	}
	return true;
}

/* What this walk has shown is the thread's last stack from now on. */
static void remember(struct walk *w)
{
	uint32_t kept = (uint32_t)(w->resumed + 1), n = w->out->frames - kept;

	if (kept && !n)
		w->out->again = w->last;
	if (!w->last || w->last->generation != maps_generation || w->out->end != UNWIND_WHOLE ||
	    n > LAST_FRAMES_MAX)
		return;
	if (!kept && n && !w->out->guessed[n - 1])
		notes[n - 1].how |= PLAIN; /* the root, which no row has to lead on from */
	last_keep(w->last, kept, w->out, notes, n);
}

/* Why a run of plain rows ended. */
enum run_end {
	RUN_ODD,  /* a row of another form, a word that is not in the copy, no room */
	RUN_ROW,  /* the frame has no row yet */
	RUN_LAST, /* it lies where the thread's last stack may be met */
};

/* To a frame that a plain row led to. */
static void come_to(struct walk *w, uint64_t pc, uint64_t sp, uint64_t fp, uint32_t how)
{
	w->f.regs[ARCH_IP] = pc + 1;
	w->f.regs[ARCH_SP] = sp;
	w->f.regs[ARCH_FP] = fp;
	w->f.valid &= UNWIND_TRACKED & ~(1u << ARCH_FP);
	w->f.valid |= how & LAST_FP_KNOWN ? 1u << ARCH_FP : 0;
	w->exact = false;
}

/* A run of frames that plain rows lead out of, which nearly all do, and whose words are in the
 * copy, as far as last_sp.  Each depends on what was read for the one before: so that the
 * registers stay out of memory, nothing is called here, and places are offsets in the copy. */
static enum run_end run_plain(struct walk *w, uint64_t last_sp)
{
	struct unwound *const out = w->out;
	const uint8_t *const stack = w->c->stack;
	const uint64_t start = w->stack_start, words_end = w->stack_words_end;
	const uint64_t last = last_sp > start ? last_sp - start : 0;
	uint64_t pc = w->f.regs[ARCH_IP] - !w->exact, at = w->f.regs[ARCH_SP] - start,
		 fp = w->f.regs[ARCH_FP];
	uint32_t n = out->frames, how = how_came(w), forms = 0;
	enum run_end end = RUN_LAST;

	if (w->f.regs[ARCH_SP] < start || w->f.regs[ARCH_SP] & 7) /* on another stack, or none */
		return RUN_ODD;
	if (rows.generation != maps_generation)
		return RUN_ROW;
	for (; n < UNWIND_FRAMES_MAX && at < last; n++) {
		const struct row *r = rows_slot(pc);
		const uint32_t form = r->plain;
		uint64_t cfa = at, fp_at = 0, came_fp = fp, ra;

		end = form || r->pc == pc ? RUN_ODD : RUN_ROW;
		if (!form)
			break;
		if (form & PLAIN_BY_FP) {
			if (!(how & LAST_FP_KNOWN) || fp & 7)
				break;
			cfa = fp - start;
		}
		cfa += (uint64_t)(int64_t)r->cfa_offset;
		if (cfa <= at || cfa + (uint64_t)(int64_t)ARCH_RA_OFFSET >= words_end)
			break;
		if (form & PLAIN_SAVES_FP) {
			fp_at = cfa + (uint64_t)(int64_t)r->fp_offset;
			if (fp_at >= words_end)
				break;
			memcpy(&fp, stack + fp_at, sizeof(fp));
			fp_at += start;
		}
		memcpy(&ra, stack + cfa + ARCH_RA_OFFSET, sizeof(ra));
		note_frame(n, came_fp, fp_at, how | form);
		put(out, n, pc, at + start, r->map, false);
		how = form & PLAIN_SAVES_FP   ? LAST_FP_KNOWN
		      : form & PLAIN_LOSES_FP ? 0
					      : how & LAST_FP_KNOWN;
		forms |= form;
		pc = ra - 1;
		at = cfa;
		end = RUN_LAST;
	}
	if (n == UNWIND_FRAMES_MAX)
		end = RUN_ODD;
	else
		note_frame(n, fp, 0, how);
	if (n != out->frames) {
		w->ours |= forms & PLAIN_OURS;
		out->frames = n;
		come_to(w, pc, at + start, fp, how);
	}
	return end;
}

/* As far as plain rows, or the thread's last stack, lead.  True when the rest of the stack was
 * there. */
static bool walk_plain(struct walk *w)
{
	uint64_t last_sp = w->last ? last_next_sp(w->last, w->last_limit) : UINT64_MAX;

	for (;;) {
		switch (run_plain(w, last_sp)) {
		case RUN_LAST:
			if (resume(w))
				return true;
			last_sp = last_next_sp(w->last, w->last_limit);
			if (last_sp <= w->f.regs[ARCH_SP]) /* met, and another: on beyond it */
				last_sp = w->f.regs[ARCH_SP] + 1;
			break;
		case RUN_ROW:
			if (!unwind_find_row(w->f.regs[ARCH_IP] - !w->exact))
				return false;
			break;
		case RUN_ODD: return false;
		}
	}
}

/* The rest of the way, from the state in w on. */
static enum step walk_on(struct walk *w, bool all_regs)
{
	struct unwound *out = w->out;
	enum step s = STEP_DONE;

	while (s == STEP_DONE || s == STEP_GUESSED) {
		struct mapping *map;
		const struct row *r;
		uint64_t pc;

		if (s == STEP_DONE && !all_regs && walk_plain(w))
			return STEP_END;
		if (out->frames == UNWIND_FRAMES_MAX)
			return STEP_FULL;
		pc = w->f.regs[ARCH_IP] - !w->exact;
		note_frame(out->frames, w->f.regs[ARCH_FP], 0, how_came(w));
		r = unwind_find_row(pc);
		if (!r && out->frames)
			return STEP_BROKEN;
		/* A handler returns to the trampoline's first byte: the byte before it is
		 * nobody's, though its unwind information covers it. */
		map = r ? r->map : maps_find(pc);
		put(out, out->frames++, pc + (r && r->signal && !w->exact), w->f.regs[ARCH_SP], map,
		    s == STEP_GUESSED);
		w->ours |= is_ours(map);
		w->f.regs[ARCH_IP] = pc; /* what tables are asked for */
		w->exact = false;
		s = unwind_step_odd(w, r, all_regs);
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
			    .stack_words_end = c->stack_bytes >= 8 ? c->stack_bytes - 7u : 0,
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
	static struct unwound by_tables APART;
	struct walk w;

	walk(&w, c, true, &by_tables);
	unwind_stats.checked++;
	unwind_stats.disagreed +=
		by_tables.frames != by_rows->frames || by_tables.end != by_rows->end ||
		memcmp(by_tables.pc, by_rows->pc, by_rows->frames * sizeof(*by_rows->pc));
}

void unwind_known(const struct ring_frame *frames, uint32_t n, struct unwound *out)
{
	out->frames = n;
	out->known = 0;
	out->end = UNWIND_WHOLE;
	out->again = NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct row *r = unwind_find_row(frames[i].pc);

		put(out, i, frames[i].pc, frames[i].sp, r ? r->map : maps_find(frames[i].pc),
		    false);
	}
}

void unwind_stack(const struct capture *c, bool after_ours, struct unwound *out)
{
	const uint32_t needed = 1u << ARCH_IP | 1u << ARCH_SP;
	struct walk w = { .ours = false };

	out->frames = out->known = 0;
	out->again = NULL;
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
