/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_model.c - sampled allocations and frees to what was allocated and what
 * is still alive.  Called by profile_build.c for each row, in file order.
 *
 * Lists of live blocks open every segment.  When the segment before was read
 * they repeat what is known.  When it was not (dropped, missing, damaged) they
 * are the truth: blocks not known yet are taken over with the time and thread
 * of their allocation, blocks known but not listed were freed unseen.
 */
#include "profile_private.h"

#include <math.h>
#include <stdlib.h>

#define SPACE_MAX 0x1p57 /* bytes that one block may stand for */

/* What one sampled allocation stands for.  An allocation of S bytes is sampled
 * with probability p = 1 - exp(-S / R): one or more points of a Poisson process
 * of mean distance R fall inside it.  With I its indicator, I / p has the mean
 * 1 and the variance (1 - p) / p, of which I (1 - p) / p^2 is an unbiased
 * estimate; blocks are sampled independently, so variances add up. */
struct heap_weight heap_weigh(uint64_t size, uint64_t sampled_size, uint64_t mean)
{
	double s = (double)size, p, var;

	if (mean <= 1) /* every call is recorded */
		return (struct heap_weight){ 1, s, 0, 0, 0 };
	/* An empty block is sampled like one of a byte, or never. */
	p = -expm1(-(sampled_size ? (double)sampled_size : 1) / (double)mean);
	var = (1 - p) / (p * p);
	/* No honest sample was drawn for a size far below its own. */
	return (struct heap_weight){ 1 / p, MIN(s / p, SPACE_MAX), var, s * s * var, (double)mean };
}

static struct block *heap_find(struct trace_state *state, uint64_t id)
{
	return live_blocks_find(state->blocks, id);
}

/* One block more or less is alive. */
static void heap_count(struct trace_state *state, const struct heap_weight *weight, int n)
{
	state->live_space += n * weight->space;
	state->live_space_var += n * weight->space_var;
}

/* The blocks changed at t: is that the most so far?  Events of several threads
 * are in order of time but for the writer's flushes, and so is the peak. */
static void heap_note_peak(struct build *b, uint64_t t)
{
	struct trace_state *state = b->state;
	struct process *s = build_process(b);
	uint64_t n = live_blocks_count(state->blocks);

	if (state->live_space <= s->heap_peak_space || !profile_in_window(b->profile, t))
		return;
	s->heap_peak_space = state->live_space;
	s->heap_peak_space_var = MAX(0, state->live_space_var); /* rounding */
	s->heap_peak_mean = state->live_mean;
	s->heap_peak_ns = t;
	s->heap_peak_n = n;
}

static void heap_drop(struct trace_state *state, uint64_t id, const struct block *block)
{
	heap_count(state, &block->weight, -1);
	live_blocks_remove(state->blocks, id);
	if (!live_blocks_count(state->blocks))
		state->live_space = state->live_space_var = 0; /* and nothing left of rounding */
}

/* Takes a copy of block into the table of what is alive. */
static void heap_keep(struct build *b, const struct block *block)
{
	struct trace_state *state = b->state;
	struct block *known = heap_find(state, block->id);

	if (known) {
		heap_count(state, &known->weight, -1);
		*known = *block;
	} else if (profile_full(b->profile, "blocks alive", live_blocks_count(state->blocks),
				PROFILE_BLOCKS_MAX, PROFILE_BLOCKS_FREE)) {
		return;
	} else {
		live_blocks_add(state->blocks, block);
	}
	heap_count(state, &block->weight, 1);
	state->live_mean = MAX(state->live_mean, block->weight.mean);
	heap_note_peak(b, MAX(block->t, state->run_start_ns));
}

/* counts: it was allocated where the threads' exact totals count, too. */
static void heap_take(struct build *b, const struct row_live *row, uint32_t thread, uint32_t stack,
		      bool counts)
{
	struct process *process = build_process(b);
	struct block block = {
		.id = row->block,
		.t = row->t,
		.weight = heap_weigh(row->size, row->sampled_size, row->mean),
		.thread = thread,
		.stack = stack,
		.generation = b->state->generation,
	};

	process->heap_mean_most = MAX(process->heap_mean_most, row->mean);
	if (counts && profile_in_window(b->profile, row->t))
		tally_block(b->private->tally, thread, stack, &block.weight, false);
	if (row->t <= b->profile->to_ns)
		heap_keep(b, &block);
}

void heap_alloc(struct build *b, const struct row_live *row, uint32_t thread, uint32_t stack)
{
	heap_take(b, row, thread, stack, true);
}

void heap_free(struct build *b, const struct row_heap *row)
{
	struct block *block = heap_find(b->state, row->block);

	if (row->t > b->profile->to_ns)
		return; /* alive at the end of the window */
	if (block)
		heap_drop(b->state, row->block, block);
	else
		b->state->unknown_frees++;
}

/* What was allocated in segments that are gone is in use, but is no allocation
 * of the time that is shown: exact totals do not have it either.  What a damaged
 * segment had is. */
void heap_live(struct build *b, const struct row_live *row, uint32_t thread, uint32_t stack)
{
	struct block *known = heap_find(b->state, row->block);

	if (known)
		known->generation = b->state->generation;
	else
		heap_take(b, row, thread, stack, row->t >= b->state->run_start_ns);
}

/* Calls fn for each block in order of their ids: sums of numbers that are rounded
 * depend on the order. */
static void heap_each(struct profile *p, struct trace_state *state,
		      void (*fn)(struct profile *, struct trace_state *, const struct block *))
{
	GArray *ids = live_blocks_ids(state->blocks);

	for (guint i = 0; i < ids->len; i++)
		fn(p, state, heap_find(state, g_array_index(ids, uint64_t, i)));
	g_array_unref(ids);
}

/* Forgets a block that the list before should have had. */
static void heap_repair(struct profile *p, struct trace_state *state, const struct block *block)
{
	(void)p;
	if (block->generation != state->generation)
		live_blocks_remove(state->blocks, block->id);
	else
		heap_count(state, &block->weight, 1);
}

void heap_live_end(struct build *b)
{
	/* A list that may itself be cut proves nothing; and what was freed
	 * after the window is alive at its end. */
	if (b->live_repairs && !b->damages && b->state->run_start_ns <= b->profile->to_ns) {
		b->state->live_space = b->state->live_space_var = 0;
		heap_each(b->profile, b->state, heap_repair);
	}
	b->live_repairs = false;
	b->live_counts = false;
}

static void heap_charge_inuse(struct profile *p, struct trace_state *state,
			      const struct block *block)
{
	(void)state;
	if (!profile_in_window(p, block->t))
		return;
	tally_block(p->private->tally, block->thread, block->stack, &block->weight, true);
}

void heap_end(struct profile *p, struct trace_state *state)
{
	heap_each(p, state, heap_charge_inuse);
	live_blocks_free(state->blocks);
	state->blocks = NULL;
}
