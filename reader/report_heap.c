/* SPDX-License-Identifier: Apache-2.0
 *
 * report_heap.c - the report's allocation sites and the blocks alive at the
 * end, by site.  All figures of sites are estimates; the exact totals stand
 * beside them.
 */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cells.h"

/* One of the two tables: which figures of a sum it shows. */
struct heap_figures {
	double space, objects, space_var, objects_var;
	double mean, unseen; /* to bytes and to calls: see interval_of_sum() */
	uint64_t n;
};

static struct heap_figures heap_figures(const struct heap_sum *sum, bool live)
{
	double unseen = heap_sum_unseen_calls(sum);

	if (live)
		return (struct heap_figures){ sum->inuse_space,
					      sum->inuse_objects,
					      sum->inuse_space_var,
					      sum->inuse_objects_var,
					      sum->mean,
					      unseen,
					      sum->inuse_n };
	return (struct heap_figures){ sum->alloc_space,
				      sum->alloc_objects,
				      sum->alloc_space_var,
				      sum->alloc_objects_var,
				      sum->mean,
				      unseen,
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
	uint64_t start = frame->function_start;

	return report_place(profile_function(profile, line->function), line->line,
			    !line->line && start && address > start ? address - start : 0);
}

static char *heap_space_reach(const struct report *report, char *buf,
			      const struct heap_figures *row)
{
	return report_heap_reach(report, buf, row->space, row->space_var, row->mean, row->mean);
}

static char *heap_objects_reach(const struct report *report, char *buf,
				const struct heap_figures *row)
{
	return report_heap_reach(report, buf, row->objects, row->objects_var, row->unseen,
				 row->mean);
}

/* "~1.2 MiB +-34% in ~5 +-67%", what stands behind it to be added. */
static void heap_append(struct report *report, GString *text, const struct heap_figures *row)
{
	const char *mark = report_mark(report, row->n, !(row->mean > 0));
	char buf[FORMAT_ROOM], space[FORMAT_ROOM], objects[FORMAT_ROOM];
	bool is_estimate = row->mean > 0;

	report_beside(space, is_estimate ? heap_space_reach(report, buf, row) : "");
	report_beside(objects, is_estimate ? heap_objects_reach(report, buf, row) : "");
	g_string_append_printf(text, "%s%s%s in ", mark, format_bytes(buf, row->space), space);
	g_string_append_printf(text, "%s%s%s", mark, format_count(buf, row->objects), objects);
}

static void heap_row(struct report *report, struct report_table *table, struct site site,
		     const struct heap_figures *row, double whole)
{
	const char *mark = report_mark(report, row->n, !(row->mean > 0));
	char buf[FORMAT_ROOM], *place = heap_place(report, site);

	format_bytes(buf, row->space);
	report_table_cellf(table, "%s%s", mark, buf);
	report_table_cell(table, heap_space_reach(report, buf, row));
	report_table_cell(table, format_share(buf, row->space, whole));
	format_count(buf, row->objects);
	report_table_cellf(table, "%s%s", mark, buf);
	report_table_cell(table, heap_objects_reach(report, buf, row));
	report_table_cell(table, format_count(buf, (double)row->n));
	report_table_cell(table, place);
	g_free(place);
}

static void heap_table(struct report *report, GArray *sites, bool live)
{
	static const struct report_column columns[] = {
		{ "bytes", 9, false }, { "+-", 5, false }, { "share", 6, false },
		{ "calls", 8, false }, { "+-", 5, false }, { "samples", 8, false },
		{ "site", 0, true },
	};
	static const struct report_column live_columns[] = {
		{ "bytes", 9, false },	     { "+-", 5, false }, { "share", 6, false },
		{ "blocks", 8, false },	     { "+-", 5, false }, { "samples", 8, false },
		{ "allocated at", 0, true },
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
	report_table_print(table, &report->page);
	if (n > report->top)
		fprintf(report->page.out, "  and %u more with %s\n", n - report->top,
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
	else if (report_is_partly(report))
		text = g_strdup("no sampled allocation in what was asked for");
	else if (!strcmp(process->heap_engine, "totals"))
		text = g_strdup_printf("only totals were asked for: %s in %s calls, exactly",
				       format_bytes(size, (double)bytes),
				       format_count(count, (double)calls));
	else if (calls && process->heap_mean_bytes == 1)
		text = g_strdup_printf("none of %s in %s calls (exact) was kept; see losses above",
				       format_bytes(size, (double)bytes),
				       format_count(count, (double)calls));
	else if (!calls && process->heap_mean_bytes == 1 && !report->heap_exact)
		text = g_strdup("see losses above");
	else if (!calls)
		text = g_strdup("nothing was allocated");
	else
		text = g_strdup_printf("no allocation was sampled: %s in %s calls were allocated "
				       "(exact), and one sample comes every %s on average. "
				       "LIBPROF_HEAP_BYTES=1 records every call.",
				       format_bytes(size, (double)bytes),
				       format_count(count, (double)calls),
				       format_bytes(mean, (double)MAX(process->heap_mean_bytes,
								      process->heap_mean_most)));
	report_labelled(&report->page, "no sites", text);
	g_free(text);
}

/* When most was alive, of the process with the highest peak. */
static void heap_peak(struct report *report)
{
	const struct process *process = profile_process(report->profile, 1);
	char buf[FORMAT_ROOM], reach[FORMAT_ROOM], seconds[G_ASCII_DTOSTR_BUF_SIZE], *text;
	double at, mean;

	for (uint32_t i = 2; i < report->profile->processes->len; i++) {
		const struct process *other = profile_process(report->profile, i);

		if (other->heap_peak_space > process->heap_peak_space)
			process = other;
	}
	if (!(process->heap_peak_space > 0))
		return;
	/* upwards: what was allocated at that very time belongs to it */
	at = ceil((double)process->heap_peak_ns / 1e3) / 1e6;
	g_ascii_formatd(seconds, sizeof(seconds), "%.6f", at);
	mean = process->heap_peak_mean;
	if (mean > 0)
		report_heap_reach(report, buf, process->heap_peak_space,
				  process->heap_peak_space_var, mean, mean);
	report_beside(reach, mean > 0 ? buf : "");
	format_bytes(buf, process->heap_peak_space);
	text = g_strdup_printf("%s%s%s%s%s after %s s; --to %s shows it by site",
			       report_mark(report, process->heap_peak_n, !(mean > 0)), buf, reach,
			       report->several ? " in " : "",
			       report->several ? process->program : "", seconds, seconds);
	report_labelled(&report->page, "  most", text);
	g_free(text);
}

static const char *heap_live_time(const struct report *report, char *buf)
{
	const struct profile *profile = report->profile;
	bool exited = true;
	char seconds[G_ASCII_DTOSTR_BUF_SIZE];

	for (uint32_t i = 1; i < profile->processes->len; i++)
		exited &= profile_process(profile, i)->exited &&
			  profile->to_ns >= profile_process(profile, i)->t_last_ns;
	if (profile->to_ns == UINT64_MAX || exited)
		return exited ? "the exit" : "the end of the trace";
	g_ascii_formatd(seconds, sizeof(seconds), "%.6g", (double)profile->to_ns / 1e9);
	g_snprintf(buf, FORMAT_ROOM, "%s s", seconds);
	return buf;
}

/* What is alive at the end is no leak by itself, and the end may not be one. */
static void heap_live(struct report *report, GArray *sites)
{
	const struct heap_sum *heap = &report->heap;
	struct heap_figures live = heap_figures(heap, true);
	GString *text = g_string_new("");
	char buf[FORMAT_ROOM];

	heap_append(report, text, &live);
	fprintf(report->page.out, "\nBlocks alive at %s: %s blocks (%s)\n",
		heap_live_time(report, buf), text->str,
		heap->mean > 0	     ? "estimated"
		: report->heap_exact ? "exact"
				     : "at least");
	g_string_free(text, TRUE);
	heap_peak(report);
	report_caveats(report, FIGURES_INUSE);
	if (!(heap->inuse_objects > 0))
		return;
	g_array_sort(sites, heap_compare_live);
	heap_table(report, sites, true);
}

/* What of the totals nothing could be sampled of. */
static void heap_add_off(const struct report *report, GString *text)
{
	char size[FORMAT_ROOM], count[FORMAT_ROOM];
	struct exact off = { 0 };

	for (uint32_t i = 1; i < report->profile->threads->len; i++) {
		if (!view_thread_wanted(report->profile, report->options, i))
			continue;
		off.alloc_bytes += profile_thread(report->profile, i)->off.alloc_bytes;
		off.alloc_calls += profile_thread(report->profile, i)->off.alloc_calls;
	}
	if (off.alloc_calls)
		g_string_append_printf(text, "; %s in %s calls while profiling was off",
				       format_bytes(size, (double)off.alloc_bytes),
				       format_count(count, (double)off.alloc_calls));
}

/* The exact totals, and what the samples make of them. */
static void heap_compare_totals(struct report *report, uint64_t calls, uint64_t bytes)
{
	struct heap_figures all = heap_figures(&report->heap, false);
	bool window = report_is_window(report);
	char size[FORMAT_ROOM], count[FORMAT_ROOM];
	GString *text = g_string_new("");

	g_string_append_printf(text, "%s%s in %s calls%s; ", window ? "about " : "",
			       format_bytes(size, (double)bytes),
			       format_count(count, (double)calls), window ? "" : ", exactly");
	g_string_append(text, "the samples say ");
	heap_append(report, text, &all);
	if (report->options->focus || report->options->ignore)
		g_string_append(text, " of the stacks asked for");
	heap_add_off(report, text);
	report_labelled(&report->page, "  in all", text->str);
	g_string_free(text, TRUE);
}

void report_heap(struct report *report)
{
	struct heap_finder *finder = heap_finder_new(report->profile, report->view->hidden);
	GArray *sites = heap_sites(finder, report->cells, 0, report->cells->len);
	uint64_t calls, bytes;

	heap_finder_free(finder);
	heap_exact(report, &calls, &bytes);
	if (heap_sum_is_empty(&report->heap)) {
		fputc('\n', report->page.out);
		heap_explain(report, calls, bytes);
		g_array_unref(sites);
		return;
	}
	fprintf(report->page.out, "\nAllocation sites by bytes; +- is the 95%% interval\n");
	heap_compare_totals(report, calls, bytes);
	report_caveats(report, FIGURES_ALLOC);
	if (report->heap.alloc_objects > 0)
		heap_table(report, sites, false);
	heap_live(report, sites);
	g_array_unref(sites);
}
