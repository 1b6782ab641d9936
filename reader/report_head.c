/* SPDX-License-Identifier: Apache-2.0
 *
 * report_head.c - the top of the report: what ran, when, for how long and how
 * it ended, how much of its CPU time samples cover, and, when nothing was
 * sampled, why that is so.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "stack_ends.h"

static const char *head_state(const struct process *process)
{
	switch (process->end_reason) {
	case PROF_END_ROTATED:
		return "no end recorded: still running, killed, or in segments that were not read";
	case PROF_END_EXIT: return "ended";
	case PROF_END_EXEC: return "replaced itself (exec)";
	case PROF_END_WRITE: return "trace broken off: the file could not be written";
	default: return process->exited ? "ended" : "no end recorded: still running, or killed";
	}
}

/* The same for a table. */
static const char *head_short_state(const struct process *process)
{
	switch (process->end_reason) {
	case PROF_END_EXEC: return "exec";
	case PROF_END_WRITE: return "cut off";
	default: return process->exited ? "ended" : "no end";
	}
}

static uint64_t head_wall_ns(const struct process *process)
{
	return process->to_ns - MIN(process->from_ns, process->to_ns);
}

static void head_segments(struct report *report, const struct process *process)
{
	GString *text = g_string_new(process->path);
	uint64_t bytes = 0, uncommitted = 0, damages = 0;
	char buf[FORMAT_ROOM];

	for (guint i = 0; i < process->segments->len; i++) {
		const struct profile_segment *segment =
			&g_array_index(process->segments, struct profile_segment, i);

		bytes += segment->file_bytes;
		uncommitted += segment->uncommitted;
		damages += segment->damages;
	}
	g_string_append_printf(text, ": %s", report_plural(buf, process->segments->len, "segment"));
	g_string_append_printf(text, ", %s", format_bytes(buf, (double)bytes));
	if (process->segments_dropped)
		g_string_append_printf(text,
				       "; %" PRIu64 " older ones dropped to stay below "
				       "LIBPROF_LIMIT_BYTES",
				       process->segments_dropped);
	if (process->segments_missing)
		g_string_append_printf(text, "; %" PRIu64 " missing between them",
				       process->segments_missing);
	if (uncommitted)
		g_string_append_printf(text, "; %s cut by a kill",
				       report_plural(buf, uncommitted, "write"));
	if (damages)
		g_string_append_printf(text, "; DAMAGED in %s, the rest was used",
				       report_plural(buf, damages, "place"));
	report_labelled(&report->page, "trace", text->str);
	g_string_free(text, TRUE);
}

/* What was switched off by a delay, a duration or the program itself. */
static void head_off(struct report *report, const struct process *process)
{
	uint64_t ran_ns = process->t_last_ns - process->t_first_ns;
	char on[FORMAT_ROOM], of[FORMAT_ROOM], cpu[FORMAT_ROOM], *text;

	if (process->off_wall_ns <= ran_ns / 100)
		return;
	text = g_strdup_printf("%s of %s; in the rest profiling was off (delay, duration or the "
			       "program's own wish), for %s of CPU time",
			       format_ns(on, (double)(ran_ns - process->off_wall_ns)),
			       format_ns(of, (double)ran_ns),
			       format_ns(cpu, (double)process->off_ns));
	report_labelled(&report->page, "profiled", text);
	g_free(text);
}

static void head_when(struct report *report, const struct process *process)
{
	GString *text = g_string_new("");
	GDateTime *start;
	char *date, buf[FORMAT_ROOM];

	start = g_date_time_new_from_unix_utc((gint64)(process->start_real_ns / 1000000000));
	if (start && process->start_real_ns) {
		date = g_date_time_format(start, "%Y-%m-%d %H:%M:%S UTC");
		g_string_append_printf(text, "%s, ", date);
		g_free(date);
	}
	g_string_append_printf(text, "%s %s", process->exited ? "ran" : "seen for",
			       format_ns(buf, (double)process->t_last_ns));
	g_string_append_printf(text, "; %s", head_state(process));
	report_labelled(&report->page, "started", text->str);
	if (start)
		g_date_time_unref(start);
	g_string_truncate(text, 0);
	head_off(report, process);
	if (process->from_ns || process->to_ns < process->t_last_ns) {
		g_string_append_printf(text, "from %s", format_ns(buf, (double)process->from_ns));
		g_string_append_printf(text, " to %s", format_ns(buf, (double)process->to_ns));
		report_labelled(&report->page, "window", text->str);
	}
	g_string_free(text, TRUE);
}

static void head_process(struct report *report)
{
	const struct process *process = profile_process(report->profile, 1);
	GString *text = g_string_new(process->program);

	g_string_append_printf(text, ", pid %" PRIu64, process->pid);
	if (*process->host)
		g_string_append_printf(text, " on %s", process->host);
	if (*process->container_id)
		g_string_append_printf(text, ", container %.12s", process->container_id);
	if (*process->service_name)
		g_string_append_printf(text, ", service %s", process->service_name);
	report_labelled(&report->page, "program", text->str);
	if (*process->exe)
		report_labelled(&report->page, "", process->exe);
	g_string_free(text, TRUE);
	head_when(report, process);
	head_segments(report, process);
}

/* Ids of the processes, most CPU time first. */
static int head_compare(gconstpointer a, gconstpointer b, gpointer profile)
{
	const struct process *x = profile_process(profile, *(const uint32_t *)a);
	const struct process *y = profile_process(profile, *(const uint32_t *)b);

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns > y->cpu_ns ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static void head_row(struct report *report, struct report_table *table, uint32_t id)
{
	const struct process *process = profile_process(report->profile, id);
	char buf[FORMAT_ROOM];

	report_table_cell(table, process->program);
	report_table_cellf(table, "%" PRIu64, process->pid);
	report_table_cellf(table, "%" PRIu64, process->ppid);
	report_table_cell(table, format_ns(buf, (double)head_wall_ns(process)));
	report_table_cell(table, format_ns(buf, (double)process->cpu_ns));
	report_table_cell(table, format_count(buf, (double)process->n_samples));
	report_table_cellf(table, "%.0f", process->achieved_hz);
	report_table_cell(table, format_bytes(buf, (double)process->peak_rss_bytes));
	report_table_cell(table, head_short_state(process));
}

static void head_processes(struct report *report)
{
	static const struct report_column columns[] = {
		{ "program", 16, true }, { "pid", 8, false },	   { "parent", 8, false },
		{ "wall", 8, false },	 { "CPU", 8, false },	   { "samples", 8, false },
		{ "Hz", 6, false },	 { "peak RSS", 9, false }, { "state", 7, true },
	};
	struct report_table *table = report_table_new(columns, G_N_ELEMENTS(columns));
	uint32_t n = report->profile->processes->len - 1;
	GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

	for (uint32_t i = 1; i <= n; i++)
		g_array_append_val(ids, i);
	g_array_sort_with_data(ids, head_compare, (gpointer)report->profile);
	fprintf(report->page.out, "%u processes\n", n);
	for (uint32_t i = 0; i < n && i < report->top; i++)
		head_row(report, table, g_array_index(ids, uint32_t, i));
	report_table_print(table, &report->page);
	if (n > report->top)
		fprintf(report->page.out, "  and %u more (--top %u shows them)\n", n - report->top,
			n);
	fputc('\n', report->page.out);
	g_array_unref(ids);
}

/* The conservation line: CPU time by the threads' clocks, and what of it
 * samples cover.  Of all threads, whatever is selected. */
static void head_coverage(struct report *report)
{
	uint64_t cpu = 0, missed = 0, kernel = 0, off = 0, samples = 0, sampled = 0;
	GString *text = g_string_new("");
	char buf[FORMAT_ROOM];

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		cpu += process->cpu_ns;
		missed += process->not_sampled_ns;
		kernel += process->kernel_not_sampled_ns;
		off += process->off_ns;
		samples += process->n_samples;
		sampled += process->sampled_ns;
	}
	g_string_append_printf(text, "%s by the threads' clocks; ", format_ns(buf, (double)cpu));
	g_string_append_printf(text, "%s", report_plural(buf, samples, "sample"));
	if (samples)
		g_string_append_printf(text, " standing for %s", format_ns(buf, (double)sampled));
	g_string_append(text, "; ");
	g_string_append_printf(text, "no sample covers %s", format_ns(buf, (double)missed));
	g_string_append_printf(text, " (%s)", format_share(buf, (double)missed, (double)cpu));
	if (kernel)
		g_string_append_printf(text, ", %s of it in the kernel",
				       format_ns(buf, (double)kernel));
	if (off)
		g_string_append_printf(text, ", %s while profiling was off",
				       format_ns(buf, (double)off));
	report_labelled(&report->page, "CPU time", text->str);
	g_string_free(text, TRUE);
}

/* How many samples show all their callers; of all threads, whatever is selected. */
static void head_stacks(struct report *report)
{
	uint64_t ends[STACK_ENDS] = { 0 }, samples = 0;
	GString *text = g_string_new("");

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		for (unsigned end = 0; end < STACK_ENDS; end++) {
			ends[end] += process->ends[end];
			samples += process->ends[end];
		}
	}
	for (unsigned end = 0; end < STACK_ENDS; end++)
		g_string_append_printf(text, "%s%" PRIu64 " %s", end ? ", " : "", ends[end],
				       stack_end_name(end));
	if (ends[STACK_STITCHED])
		g_string_append(text, "; stitched: deeper than the copied bytes, the rest is "
				      "from an earlier sample at the same place");
	if (samples)
		report_labelled(&report->page, "stacks", text->str);
	g_string_free(text, TRUE);
}

/* CPU time of the process that no thread accounts for: a thread that came and
 * went unseen.  Not told when it is within the clocks' own noise. */
static void head_unaccounted(struct report *report)
{
	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);
		uint64_t known = process->threads_cpu_ns + process->self_cpu_ns;
		char buf[FORMAT_ROOM], *text;

		if (process->clock_cpu_ns < known + 20000000 + known / 50)
			continue;
		text = g_strdup_printf(
			"%s of process %" PRIu64 "'s CPU time is in no thread's record",
			format_ns(buf, (double)(process->clock_cpu_ns - known)), process->pid);
		report_labelled(&report->page, "", text);
		g_free(text);
	}
}

/* There is nothing to show: why? */
static void head_nothing(struct report *report)
{
	uint64_t samples = 0, heap = 0, lost = 0;
	bool off = true;
	char *text;

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		samples += process->n_samples;
		heap += process->n_heap_rows;
		for (guint j = 0; j < process->losses->len; j++)
			lost += g_array_index(process->losses, struct profile_loss, j).count;
		off &= !strcmp(process->cpu_engine, "off") && !strcmp(process->heap_engine, "off");
	}
	if (report_is_partly(report)) {
		text = g_strdup_printf("no sample of the threads, stacks and times asked for, of "
				       "%" PRIu64 " CPU samples in these times and %" PRIu64
				       " heap events in all",
				       samples, heap);
		report_labelled(&report->page, "nothing", text);
		g_free(text);
	} else if (lost || report->profile->partial) {
		report_labelled(&report->page, "nothing",
				"what was sampled is lost; below is why, and what is known "
				"exactly");
	} else if (!off) {
		report_labelled(&report->page, "idle",
				"nothing was sampled; below is why, and what is known exactly");
	}
}

void report_head(struct report *report)
{
	if (report->several)
		head_processes(report);
	else
		head_process(report);
	head_coverage(report);
	head_unaccounted(report);
	head_stacks(report);
	if (cells_are_selected(report->options))
		report_labelled(&report->page, "selected",
				"only part of the profile: functions, sites and modules below are "
				"of the threads and stacks asked for");
	if (!report->samples && heap_sum_is_empty(&report->heap))
		head_nothing(report);
}
