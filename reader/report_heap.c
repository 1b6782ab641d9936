/* SPDX-License-Identifier: Apache-2.0
 *
 * report_heap.c - the report's allocation sites and the blocks alive at the
 * end, by site.  All figures of sites are estimates; the exact totals stand
 * beside them.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

/* One of the two tables: which figures of a sum it shows. */
struct heap_figures {
	double space, objects, space_var;
	uint64_t n;
};

static struct heap_figures heap_figures(const struct heap_sum *sum, bool live)
{
	if (live)
		return (struct heap_figures){ sum->inuse_space, sum->inuse_objects,
					      sum->inuse_space_var, sum->inuse_n };
	return (struct heap_figures){ sum->alloc_space, sum->alloc_objects, sum->alloc_space_var,
				      sum->alloc_n };
}

static int heap_compare_live(gconstpointer a, gconstpointer b)
{
	const struct site_sum *x = a, *y = b;

	if (x->sum.inuse_space != y->sum.inuse_space)
		return x->sum.inuse_space > y->sum.inuse_space ? -1 : 1;
	return x->site.frame < y->site.frame ? -1 : x->site.frame > y->site.frame;
}

/* The function and the line; without lines, how far into the function. */
static char *heap_place(const struct report *report, struct site site)
{
	const struct profile *profile = report->profile;
	const struct line *line = profile_line(profile, site.line);
	const struct frame *frame = profile_frame(profile, site.frame);
	uint64_t address = frame->address - profile_mapping(profile, frame->mapping)->load_bias;
	char *place = report_place(profile_function(profile, line->function), line->line);
	char *with_offset;

	if (line->line || !frame->function_start || address < frame->function_start)
		return place;
	with_offset = g_strdup_printf("%s+0x%" PRIx64, place, address - frame->function_start);
	g_free(place);
	return with_offset;
}

static void heap_row(struct report *report, struct report_table *table, struct site site,
		     const struct heap_figures *row, double whole)
{
	double half = heap_half_interval(row->space_var);
	char buf[FORMAT_ROOM], *place = heap_place(report, site);

	format_bytes(buf, row->space);
	report_table_cellf(table, "%s%s", report_mark(report, row->n, !(row->space_var > 0)), buf);
	if (!(row->space_var > 0))
		report_table_cell(table, "exact");
	else
		report_table_cellf(table, "%.0f%%", row->space > 0 ? 100 * half / row->space : 0);
	report_table_cell(table, format_share(buf, row->space, whole));
	report_table_cell(table, format_count(buf, row->objects));
	report_table_cell(table, format_count(buf, (double)row->n));
	report_table_cell(table, place);
	g_free(place);
}

static void heap_table(struct report *report, GArray *sites, bool live)
{
	static const struct report_column columns[] = {
		{ "bytes", 9, false }, { "+-", 5, false },	{ "share", 6, false },
		{ "calls", 8, false }, { "samples", 8, false }, { "site", 0, true },
	};
	static const struct report_column live_columns[] = {
		{ "bytes", 9, false },	{ "+-", 5, false },	 { "share", 6, false },
		{ "blocks", 8, false }, { "samples", 8, false }, { "allocated at", 0, true },
	};
	struct report_table *table =
		report_table_new(live ? live_columns : columns, G_N_ELEMENTS(columns));
	double whole = heap_figures(&report->heap, live).space, shown = 0;
	guint i, n = 0;
	char buf[FORMAT_ROOM];

	for (i = 0; i < sites->len; i++) {
		const struct site_sum *site = &g_array_index(sites, struct site_sum, i);
		struct heap_figures row = heap_figures(&site->sum, live);

		if (!(row.objects > 0))
			continue;
		if (n++ >= report->top)
			continue;
		heap_row(report, table, site->site, &row, whole);
		shown += row.space;
	}
	report_table_print(table, report->out);
	if (n > report->top)
		fprintf(report->out, "  and %u sites more with %s\n", n - report->top,
			format_bytes(buf, MAX(0, whole - shown)));
}

/* Exact totals of the threads in the window. */
static void heap_exact(const struct report *report, uint64_t *calls, uint64_t *bytes)
{
	*calls = *bytes = 0;
	for (uint32_t i = 1; i < report->profile->threads->len; i++) {
		const struct thread *thread = profile_thread(report->profile, i);

		if (!view_thread_wanted(report->profile, report->options, i))
			continue;
		*calls += thread->window.alloc_calls;
		*bytes += thread->window.alloc_bytes;
	}
}

static void heap_explain(struct report *report, uint64_t calls, uint64_t bytes)
{
	const struct process *process = profile_process(report->profile, 1);
	char size[FORMAT_ROOM], mean[FORMAT_ROOM], count[FORMAT_ROOM], *text;

	if (!*process->heap_engine || !strcmp(process->heap_engine, "off"))
		text = g_strdup("the heap engine was off; see heap above");
	else if (!strcmp(process->heap_engine, "totals"))
		text = g_strdup_printf("only totals were asked for: %s in %s calls, exactly",
				       format_bytes(size, (double)bytes),
				       format_count(count, (double)calls));
	else
		text = g_strdup_printf("no allocation was sampled: %s in %s calls were allocated "
				       "(exact), and one sample comes every %s on average. "
				       "LIBPROF_HEAP_BYTES=1 records every call.",
				       format_bytes(size, (double)bytes),
				       format_count(count, (double)calls),
				       format_bytes(mean, (double)process->heap_mean_bytes));
	report_labelled(report->out, "no sites", text);
	g_free(text);
}

/* What is alive at the end is no leak by itself, and the end may not be one. */
static void heap_live(struct report *report, GArray *sites)
{
	bool exited = true;
	char buf[FORMAT_ROOM];

	for (uint32_t i = 1; i < report->profile->processes->len; i++)
		exited &= profile_process(report->profile, i)->exited;
	fprintf(report->out, "\nBlocks alive at the %s: ", exited ? "exit" : "end of the trace");
	fprintf(report->out, "%s", format_bytes(buf, report->heap.inuse_space));
	fprintf(report->out, " in %s blocks (estimated)\n",
		format_count(buf, report->heap.inuse_objects));
	if (!(report->heap.inuse_objects > 0))
		return;
	g_array_sort(sites, heap_compare_live);
	heap_table(report, sites, true);
}

void report_heap(struct report *report)
{
	struct heap_finder *finder = heap_finder_new(report->profile);
	GArray *sites = heap_sites(finder, report->cells, 0, report->cells->len);
	uint64_t calls, bytes;
	char buf[FORMAT_ROOM];

	heap_finder_free(finder);
	heap_exact(report, &calls, &bytes);
	if (heap_sum_is_empty(&report->heap)) {
		fputc('\n', report->out);
		heap_explain(report, calls, bytes);
		g_array_unref(sites);
		return;
	}
	fprintf(report->out, "\nAllocation sites by bytes; +- is the 95%% interval\n");
	fprintf(report->out, "  the threads above: %s", format_bytes(buf, (double)bytes));
	fprintf(report->out, " in %s calls exactly;", format_count(buf, (double)calls));
	fprintf(report->out, " the samples say %s", format_bytes(buf, report->heap.alloc_space));
	fprintf(report->out, " in %s\n", format_count(buf, report->heap.alloc_objects));
	if (report->heap.alloc_objects > 0)
		heap_table(report, sites, false);
	heap_live(report, sites);
	g_array_unref(sites);
}
