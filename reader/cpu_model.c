/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_model.c - CPU samples, and the exact clocks they are settled with.  The
 * first half is called by profile_build.c for each row; profile_finish(), the
 * second half, once all frames have names.
 *
 * Time is conserved: a thread's metric cpu sums to its CPU clock.  What samples
 * do not cover becomes a frame of its own under the thread's start function;
 * where they cover more, each counts for a little less.
 */
#include "profile_private.h"

#include <math.h>
#include <string.h>

#include "interval.h"
#include "stack_ends.h"
#include "stack_root.h"
#include "tally.h"

#define KERNEL_PERIODS_MIN 20u /* below, the clock's user/system split means nothing */

void cpu_samples(struct build *b, const struct row_sample *rows, const struct profile_place *places,
		 size_t n)
{
	struct thread *const threads = (struct thread *)(void *)b->profile->threads->data;
	struct track *const tracks = (struct track *)(void *)b->private->tracks->data;
	const uint64_t from_ns = b->profile->from_ns, to_ns = b->profile->to_ns;
	struct process *process = profile_process(b->profile, b->process);
	uint64_t t_last_ns = 0, sampled_ns = 0, n_samples = 0;

	for (size_t i = 0; i < n; i++) {
		const uint64_t t_ns = rows[i].t, ns = rows[i].weight_ns;
		struct thread *thread = &threads[places[i].thread];
		struct track *track = &tracks[places[i].thread];

		thread->t_end_ns = MAX(thread->t_end_ns, t_ns);
		t_last_ns = MAX(t_last_ns, t_ns);
		if (t_ns < from_ns || t_ns > to_ns)
			continue;
		tally_add(b->private->tally, places[i].thread, places[i].stack, ns);
		thread->n_samples++;
		thread->sampled_ns += ns;
		if (rows[i].in_kernel)
			thread->sampled_kernel_ns += ns;
		if (!thread->has_cpu || t_ns > track->t)
			track->tail_ns += ns;
		n_samples += thread->process != 0; /* else there was no room for the thread */
		sampled_ns += thread->process ? ns : 0;
	}
	process_saw_time(process, t_last_ns);
	process->n_samples += n_samples;
	process->sampled_ns += sampled_ns;
}

/* a..b at num/den of the way; b is not below a. */
static uint64_t lerp(uint64_t a, uint64_t b, uint64_t num, uint64_t den)
{
	return a + (uint64_t)((unsigned __int128)(b - a) * num / den);
}

static void exact_add(struct exact *sum, const struct exact *more)
{
	sum->cpu_ns += more->cpu_ns;
	sum->user_ns += more->user_ns;
	sum->system_ns += more->system_ns;
	sum->alloc_calls += more->alloc_calls;
	sum->alloc_bytes += more->alloc_bytes;
}

static void cpu_add_part(uint64_t *sum, uint64_t a, uint64_t b, const uint64_t part[3])
{
	if (b <= a)
		return;
	*sum += lerp(a, b, part[1], part[2]) - lerp(a, b, part[0], part[2]);
}

/* Which part of the time from..t lies in the window: from part[0] / part[2] to
 * part[1] / part[2] of it.  False: none. */
static bool cpu_find_part(const struct profile *p, uint64_t from, uint64_t t, uint64_t part[3])
{
	uint64_t low = MAX(from, p->from_ns), high = MIN(t, p->to_ns);

	part[0] = 0;
	part[1] = part[2] = 1;
	if (t <= from)
		return profile_in_window(p, t);
	if (high <= low)
		return false;
	part[0] = low - from;
	part[1] = high - from;
	part[2] = t - from;
	return true;
}

/* Adds to the thread's window what its clocks did between two statistics, as
 * far as that lies in the window: clocks are taken to run evenly in between.
 * User and system time are not in all statistics: theirs is a longer way. */
static void cpu_add_interval(const struct profile *p, struct thread *thread,
			     const struct track *from, const struct row_thread_stats *row,
			     const struct exact *to, bool off)
{
	const struct exact *last = &from->last;
	struct exact now = { 0 };
	uint64_t part[3];

	if (cpu_find_part(p, from->t, row->t, part)) {
		cpu_add_part(&now.cpu_ns, last->cpu_ns, to->cpu_ns, part);
		cpu_add_part(&now.alloc_calls, last->alloc_calls, to->alloc_calls, part);
		cpu_add_part(&now.alloc_bytes, last->alloc_bytes, to->alloc_bytes, part);
	}
	if (row->flags & PROF_STATS_RUSAGE && cpu_find_part(p, from->t_rusage, row->t, part)) {
		cpu_add_part(&now.user_ns, last->user_ns, to->user_ns, part);
		cpu_add_part(&now.system_ns, last->system_ns, to->system_ns, part);
	}
	exact_add(&thread->window, &now);
	now.user_ns = now.system_ns = 0;
	if (off)
		exact_add(&thread->off, &now);
}

static void cpu_track(struct track *track, const struct trace_state *state,
		      const struct thread *thread, uint64_t t, const struct exact *now)
{
	if (track->run == state->run)
		return;
	/* The first in this run of segments: count from the thread's start if
	 * the run saw it, else from here. */
	track->t = thread->t_start_ns;
	if (!state->run_is_first && thread->t_start_ns < state->run_start_ns) {
		track->t = t;
		track->last = *now;
	}
	track->t_rusage = track->t;
	track->run = state->run;
}

void cpu_thread_stats(struct profile *p, struct trace_state *state, uint32_t id,
		      const struct row_thread_stats *row)
{
	struct thread *thread = profile_thread(p, id);
	struct track *track = profile_track(p, id);
	struct exact now = thread->clock;

	now.alloc_calls = row->alloc_calls;
	now.alloc_bytes = row->alloc_bytes;
	if (row->flags & PROF_STATS_CPU)
		now.cpu_ns = row->cpu_ns;
	if (row->flags & PROF_STATS_RUSAGE) {
		now.user_ns = row->user_ns;
		now.system_ns = row->system_ns;
	}
	cpu_track(track, state, thread, row->t, &now);
	cpu_add_interval(p, thread, track, row, &now, state->off);
	thread->clock = track->last = now;
	thread->has_cpu |= (row->flags & PROF_STATS_CPU) != 0;
	thread->has_rusage |= (row->flags & PROF_STATS_RUSAGE) != 0;
	thread->ended |= (row->flags & PROF_STATS_FINAL) != 0;
	track->t = MAX(track->t, row->t);
	if (row->flags & PROF_STATS_RUSAGE)
		track->t_rusage = track->t;
	track->tail_ns = 0;
}

/* The cells of one thread: [first, first + n) of profile->cells, sorted. */
struct thread_cells {
	struct cell *first;
	guint n;
};

/* Scales the cells so that they sum to total exactly. */
static void cpu_scale(struct thread_cells cells, uint64_t sum, uint64_t total)
{
	unsigned __int128 before = 0;
	uint64_t given = 0, upto;

	for (guint i = 0; i < cells.n; i++) {
		before += cells.first[i].cpu;
		upto = (uint64_t)(before * total / sum);
		cells.first[i].cpu = upto - given;
		given = upto;
	}
}

/* The kernel's part of what is not sampled, with its interval: of n periods of
 * the thread k were the kernel's, each taken as one trial (Wilson's score). */
static void cpu_estimate_kernel(const struct process *process, struct thread *thread,
				uint64_t exact_ns)
{
	struct interval share;
	uint64_t system_ns;
	double n;

	if (process->cpu_kernel || !process->cpu_period_ns || !thread->has_rusage ||
	    exact_ns / process->cpu_period_ns < KERNEL_PERIODS_MIN)
		return;
	system_ns = thread->window.system_ns;
	system_ns -= MIN(system_ns, thread->sampled_kernel_ns);
	thread->kernel_not_sampled_ns = MIN(system_ns, thread->not_sampled_ns - thread->off_ns);
	if (!thread->kernel_not_sampled_ns)
		return;
	n = (double)exact_ns / (double)process->cpu_period_ns;
	share = interval_of_share(n * (double)thread->kernel_not_sampled_ns / (double)exact_ns, n);
	thread->kernel_low_ns = (uint64_t)((double)exact_ns * share.low);
	thread->kernel_high_ns = (uint64_t)((double)exact_ns * share.high);
}

struct cell_slack cell_kernel_slack(const struct profile *p, const struct cell *cell)
{
	const struct thread *thread = profile_thread(p, cell->thread);
	const struct frame *frame = profile_frame(p, profile_node(p, cell->stack)->frame);
	double estimate = (double)thread->kernel_not_sampled_ns;
	struct cell_slack slack = { 0, 0 };

	if (cell->samples || !thread->kernel_high_ns || frame->kind != FRAME_SYNTHETIC)
		return slack;
	slack.below = estimate - (double)thread->kernel_low_ns;
	slack.above = (double)thread->kernel_high_ns - estimate;
	if (frame->address == SYNTHETIC_NOT_SAMPLED)
		return (struct cell_slack){ -slack.below, -slack.above };
	return frame->address == SYNTHETIC_KERNEL_NOT_SAMPLED ? slack : (struct cell_slack){ 0, 0 };
}

static void cpu_add_synthetic(struct profile *p, GArray *added, uint32_t thread, uint32_t root,
			      enum synthetic_frame what, uint64_t ns)
{
	struct cell cell = { .thread = thread, .cpu = ns };

	if (!ns)
		return;
	cell.stack = intern_node(p, root, intern_frame(p, FRAME_SYNTHETIC, 0, what), false);
	g_array_append_val(added, cell);
}

/* Settles one thread's samples with its clock.  True: something is not
 * sampled. */
static bool cpu_settle(struct profile *p, uint32_t id, struct thread_cells cells)
{
	struct thread *thread = profile_thread(p, id);
	uint64_t sum = 0, exact;

	for (guint i = 0; i < cells.n; i++)
		sum += cells.first[i].cpu;
	/* What was sampled after the last statistics is not in the clock yet. */
	exact = thread->has_cpu ? thread->window.cpu_ns + profile_track(p, id)->tail_ns : sum;
	thread->cpu_ns = exact;
	if (sum > exact)
		cpu_scale(cells, sum, exact);
	else
		thread->not_sampled_ns = exact - sum;
	thread->off_ns = MIN(thread->off.cpu_ns, thread->not_sampled_ns);
	cpu_estimate_kernel(profile_process(p, thread->process), thread, exact);
	return thread->not_sampled_ns > 0;
}

static int compare_cells(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* How many of n sorted cells come before cell. */
static guint cpu_cells_before(const struct cell *cells, guint n, const struct cell *cell)
{
	guint low = 0, middle;

	while (low < n) {
		middle = low + (n - low) / 2;
		if (compare_cells(&cells[middle], cell) < 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* Puts a few more cells among those of the profile, which are sorted: from the end
 * on, so that each is moved once.  Entry 0 stays first. */
static void cpu_insert_cells(struct profile *p, GArray *added)
{
	guint left = p->cells->len, n = added->len, before;
	struct cell *cells;

	g_array_sort(added, compare_cells);
	g_array_set_size(p->cells, left + n);
	cells = &g_array_index(p->cells, struct cell, 0);
	for (; n; n--, left = before) {
		const struct cell *next = &g_array_index(added, struct cell, n - 1);

		before = 1 + cpu_cells_before(cells + 1, left - 1, next);
		memmove(&cells[before + n], &cells[before], (left - before) * sizeof(*cells));
		cells[before + n - 1] = *next;
	}
}

/* What was not sampled may be of the time when samples were furthest apart. */
static void cpu_sum_heap(struct profile *p, struct thread *thread, struct thread_cells cells)
{
	double most = (double)profile_process(p, thread->process)->heap_mean_most;

	for (guint i = 0; i < cells.n; i++) {
		struct cell *cell = &cells.first[i];

		if (cell->heap_mean > 0)
			cell->heap_mean = MAX(cell->heap_mean, most);
		thread->alloc_n += cell->alloc_n;
		thread->alloc_objects += cell->alloc_objects;
		thread->alloc_objects_var += cell->alloc_objects_var;
		thread->alloc_space += cell->alloc_space;
		thread->alloc_space_var += cell->alloc_space_var;
		thread->inuse_n += cell->inuse_n;
		thread->inuse_objects += cell->inuse_objects;
		thread->inuse_objects_var += cell->inuse_objects_var;
		thread->inuse_space += cell->inuse_space;
		thread->inuse_space_var += cell->inuse_space_var;
		thread->heap_mean = MAX(thread->heap_mean, cell->heap_mean);
	}
}

void profile_finish(struct profile *p)
{
	GArray *added = g_array_new(FALSE, FALSE, sizeof(struct cell));
	struct stack_roots *roots;
	struct thread_cells cells;
	guint next = 1;

	profile_take_cells(p);
	roots = stack_roots_new(p);
	for (uint32_t id = 0; id < p->threads->len; id++) {
		struct thread *thread = profile_thread(p, id);
		uint32_t root;

		cells.first = &g_array_index(p->cells, struct cell, next);
		for (cells.n = 0; next < p->cells->len &&
				  g_array_index(p->cells, struct cell, next).thread == id;
		     next++)
			cells.n++;
		cpu_sum_heap(p, thread, cells);
		if (!cpu_settle(p, id, cells))
			continue;
		root = stack_roots_find(roots, id);
		cpu_add_synthetic(p, added, id, root, SYNTHETIC_NOT_SAMPLED,
				  thread->not_sampled_ns - thread->kernel_not_sampled_ns -
					  thread->off_ns);
		cpu_add_synthetic(p, added, id, root, SYNTHETIC_OFF, thread->off_ns);
		cpu_add_synthetic(p, added, id, root, SYNTHETIC_KERNEL_NOT_SAMPLED,
				  thread->kernel_not_sampled_ns);
	}
	stack_roots_free(roots);
	cpu_insert_cells(p, added);
	g_array_unref(added);
	stack_ends_sum(p);
	process_sum(p);
}
