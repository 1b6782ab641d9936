/* SPDX-License-Identifier: Apache-2.0
 *
 * report_threads.c - the report's tables of threads: CPU time, and what was
 * allocated.  Rows are threads, the most first; where they are more than fit,
 * threads of one name and process become one row, and what is still too much is
 * summed in the last one.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "keys.h"

/* User and system time of a row are shown where of all but this part of it they are known. */
#define UNSPLIT_PART_MAX 50u

struct thread_row {
	uint32_t first; /* model id of a thread of the row */
	uint64_t n;	/* threads in it */
	uint64_t start_ns, end_ns;
	uint64_t cpu_ns, user_ns, system_ns;
	uint64_t unsplit_ns; /* of cpu_ns: of threads whose user and system time is not known */
	uint64_t samples, alloc_bytes, alloc_calls, inuse_n;
	double inuse_space, inuse_var, heap_mean;
};

static void row_add(struct thread_row *row, const struct thread_row *other)
{
	if (!row->n) {
		*row = *other;
		return;
	}
	row->n += other->n;
	row->start_ns = MIN(row->start_ns, other->start_ns);
	row->end_ns = MAX(row->end_ns, other->end_ns);
	row->cpu_ns += other->cpu_ns;
	row->user_ns += other->user_ns;
	row->system_ns += other->system_ns;
	row->unsplit_ns += other->unsplit_ns;
	row->samples += other->samples;
	row->alloc_bytes += other->alloc_bytes;
	row->alloc_calls += other->alloc_calls;
	row->inuse_n += other->inuse_n;
	row->inuse_space += other->inuse_space;
	row->inuse_var += other->inuse_var;
	row->heap_mean = MAX(row->heap_mean, other->heap_mean);
}

static struct thread_row row_of(const struct report *report, uint32_t id)
{
	const struct thread *thread = profile_thread(report->profile, id);

	return (struct thread_row){
		.first = id,
		.n = 1,
		.start_ns = thread->t_start_ns,
		.end_ns = MAX(thread->t_start_ns, thread->t_end_ns),
		.cpu_ns = thread->cpu_ns,
		.user_ns = thread->window.user_ns,
		.system_ns = thread->window.system_ns,
		.unsplit_ns = thread->has_rusage ? 0 : thread->cpu_ns,
		.samples = thread->n_samples,
		.alloc_bytes = thread->window.alloc_bytes,
		.alloc_calls = thread->window.alloc_calls,
		.inuse_n = thread->inuse_n,
		.inuse_space = thread->inuse_space,
		.inuse_var = thread->inuse_space_var,
		.heap_mean = thread->heap_mean,
	};
}

static int row_compare(gconstpointer a, gconstpointer b)
{
	const struct thread_row *x = a, *y = b;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	if (x->alloc_bytes != y->alloc_bytes)
		return x->alloc_bytes > y->alloc_bytes ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int row_compare_heap(gconstpointer a, gconstpointer b)
{
	const struct thread_row *x = a, *y = b;

	if (x->alloc_bytes != y->alloc_bytes)
		return x->alloc_bytes > y->alloc_bytes ? -1 : 1;
	return row_compare(a, b);
}

/* A thread that only others name, and of which nothing is known. */
static bool row_is_empty(const struct thread_row *row, uint64_t tid)
{
	return !tid && !row->cpu_ns && !row->samples && !row->alloc_calls &&
	       !(row->inuse_space > 0);
}

/* One row a thread; stacks that are not wanted are part of its figures. */
static GArray *threads_collect(const struct report *report)
{
	const struct profile *profile = report->profile;
	GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct thread_row));

	for (uint32_t i = 1; i < profile->threads->len; i++) {
		struct thread_row row;

		if (!view_thread_wanted(profile, report->options, i))
			continue;
		row = row_of(report, i);
		if (!row_is_empty(&row, profile_thread(profile, i)->tid))
			g_array_append_val(rows, row);
	}
	return rows;
}

/* Threads of one process and name become one row. */
static GArray *threads_group(const struct report *report, GArray *rows)
{
	GHashTable *index = key_text_table_new(g_free);
	GArray *groups = g_array_new(FALSE, TRUE, sizeof(struct thread_row));

	for (guint i = 0; i < rows->len; i++) {
		const struct thread_row *row = &g_array_index(rows, struct thread_row, i);
		const struct thread *thread = profile_thread(report->profile, row->first);
		char *key = g_strdup_printf("%u/%s", thread->process, thread->name);
		guint place = GPOINTER_TO_UINT(g_hash_table_lookup(index, key)); /* + 1 */

		if (!place) {
			g_array_set_size(groups, groups->len + 1);
			place = groups->len;
		}
		row_add(&g_array_index(groups, struct thread_row, place - 1), row);
		g_hash_table_replace(index, key, GUINT_TO_POINTER(place));
	}
	g_hash_table_unref(index);
	g_array_unref(rows);
	return groups;
}

/* What both tables begin with: name, tid and, of several, pid. */
static void threads_print_who(struct report *report, struct report_table *table,
			      const struct thread_row *row, bool is_rest)
{
	const struct thread *thread = profile_thread(report->profile, row->first);

	if (is_rest)
		report_table_cell(table, "the rest");
	else
		report_table_cell(table, *thread->name ? thread->name : "(no name)");
	if (is_rest || row->n > 1)
		report_table_cellf(table, "%" PRIu64 " thr", row->n);
	else
		report_table_cellf(table, "%" PRIu64, thread->tid);
	if (report->several && is_rest)
		report_table_cell(table, "");
	else if (report->several)
		report_table_cellf(table, "%" PRIu64,
				   profile_process(report->profile, thread->process)->pid);
}

static void threads_print_cpu(struct report *report, struct report_table *table,
			      const struct thread_row *row, bool is_rest)
{
	uint64_t wall_ns = row->end_ns - row->start_ns;
	bool split = row->unsplit_ns <= row->cpu_ns / UNSPLIT_PART_MAX;
	char buf[FORMAT_ROOM];

	threads_print_who(report, table, row, is_rest);
	report_table_cell(table, format_ns(buf, (double)wall_ns));
	report_table_cell(table, format_ns(buf, (double)row->cpu_ns));
	report_table_cell(table, split ? format_ns(buf, (double)row->user_ns) : "-");
	report_table_cell(table, split ? format_ns(buf, (double)row->system_ns) : "-");
	report_table_cell(table, format_share(buf, (double)row->cpu_ns, (double)wall_ns));
	report_table_cell(table, format_count(buf, (double)row->samples));
}

static void threads_print_heap(struct report *report, struct report_table *table,
			       const struct thread_row *row, bool is_rest)
{
	char buf[FORMAT_ROOM];

	threads_print_who(report, table, row, is_rest);
	report_table_cell(table, format_bytes(buf, (double)row->alloc_bytes));
	report_table_cell(table, format_count(buf, (double)row->alloc_calls));
	if (!report_heap_is_sampled(report)) {
		report_table_cell(table, "-");
		report_table_cell(table, "-");
		return;
	}
	format_bytes(buf, row->inuse_space);
	report_table_cellf(table, "%s%s", report_mark(report, row->inuse_n, !(row->heap_mean > 0)),
			   buf);
	report_table_cell(table, report_heap_reach(report, buf, row->inuse_space, row->inuse_var,
						   row->heap_mean, row->heap_mean));
}

/* The rows that fit and the sum of the rest. */
static void threads_print(struct report *report, const GArray *rows,
			  const struct report_column *columns, unsigned n,
			  void (*print)(struct report *, struct report_table *,
					const struct thread_row *, bool))
{
	struct report_table *table = report_table_new(columns, n);
	struct thread_row rest = { 0 };

	for (guint i = 0; i < rows->len; i++) {
		const struct thread_row *row = &g_array_index(rows, struct thread_row, i);

		if (i < report->top)
			print(report, table, row, false);
		else
			row_add(&rest, row);
	}
	if (rest.n)
		print(report, table, &rest, true);
	report_table_print(table, &report->page);
}

#define THREADS_WHO             \
	{ "name", 15, true },   \
	{                       \
		"tid", 9, false \
	}
#define THREADS_PID             \
	{                       \
		"pid", 8, false \
	}
#define THREADS_CPU                                                                              \
	{ "wall", 8, false }, { "CPU", 8, false }, { "user", 8, false }, { "system", 8, false }, \
		{ "CPU%", 6, false },                                                            \
	{                                                                                        \
		"samples", 8, false                                                              \
	}
#define THREADS_HEAP                                                            \
	{ "allocated", 9, false }, { "calls", 7, false }, { "live", 9, false }, \
	{                                                                       \
		"+-", 5, false                                                  \
	}

static void threads_cpu(struct report *report, const GArray *rows)
{
	static const struct report_column one[] = { THREADS_WHO, THREADS_CPU };
	static const struct report_column several[] = { THREADS_WHO, THREADS_PID, THREADS_CPU };

	if (report->several)
		threads_print(report, rows, several, G_N_ELEMENTS(several), threads_print_cpu);
	else
		threads_print(report, rows, one, G_N_ELEMENTS(one), threads_print_cpu);
}

static void threads_heap(struct report *report, GArray *rows)
{
	static const struct report_column one[] = { THREADS_WHO, THREADS_HEAP };
	static const struct report_column several[] = { THREADS_WHO, THREADS_PID, THREADS_HEAP };
	bool exact = report->heap_exact;

	for (uint32_t i = 1; i < report->profile->processes->len; i++)
		exact &= profile_process(report->profile, i)->heap_mean_bytes <= 1;
	for (guint i = 0; i < rows->len; i++)
		exact &= !(g_array_index(rows, struct thread_row, i).heap_mean > 0);
	fprintf(report->page.out, "\nAllocated by thread; allocated and calls are %s%s\n",
		report_is_window(report) ? "interpolated" : "exact",
		!report_heap_is_sampled(report) ? ""
		: exact				? ", live too"
						: ", live is estimated");
	if (report_heap_is_sampled(report))
		report_caveats(report, FIGURES_LIVE);
	g_array_sort(rows, row_compare_heap);
	if (report->several)
		threads_print(report, rows, several, G_N_ELEMENTS(several), threads_print_heap);
	else
		threads_print(report, rows, one, G_N_ELEMENTS(one), threads_print_heap);
}

/* Threads that had ended in segments that are gone have no record of their own,
 * only a sum. */
static void threads_before(struct report *report)
{
	uint64_t n = 0, cpu_ns = 0, calls = 0, bytes = 0;
	char buf[FORMAT_ROOM];

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		n += process->ended_before_threads;
		cpu_ns += process->ended_before.cpu_ns;
		calls += process->ended_before.alloc_calls;
		bytes += process->ended_before.alloc_bytes;
	}
	if (!n)
		return;
	fprintf(report->page.out,
		"  before the first segment read, %s had ended:", report_plural(buf, n, "thread"));
	fprintf(report->page.out, " %s CPU,", format_ns(buf, (double)cpu_ns));
	fprintf(report->page.out, " %s", format_bytes(buf, (double)bytes));
	fprintf(report->page.out, " in %s calls\n", format_count(buf, (double)calls));
}

void report_threads(struct report *report)
{
	GArray *rows = threads_collect(report);
	uint64_t n = rows->len;
	char buf[FORMAT_ROOM];

	fprintf(report->page.out, "\n%s; CPU is %s, user and system are by kernel ticks\n",
		report_plural(buf, n, "thread"),
		report_is_window(report) ? "interpolated" : "exact");
	report_caveats(report, FIGURES_THREADS);
	if (rows->len > report->top)
		rows = threads_group(report, rows);
	g_array_sort(rows, row_compare);
	if (rows->len)
		threads_cpu(report, rows);
	threads_before(report);
	if (rows->len && report_heap_is_counted(report))
		threads_heap(report, rows);
	g_array_unref(rows);
}
