/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - the output `report`: a page to read on a terminal.  Sets up what
 * the sections share, calls them in order and holds what more than one of them
 * uses.  Plain text without colours.
 */
#include "report.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cells.h"
#include "interval.h"
#include "out.h"

#define REPORT_TOP 15
#define REPORT_COLUMNS 98u /* where nothing says how wide the page is */
#define REPORT_COLUMNS_MIN 72u
#define REPORT_COLUMNS_MAX 400u

char *report_value(const struct report *report, char *buf, double value)
{
	const char *unit = metric_unit(report->metric);

	if (!strcmp(unit, "nanoseconds"))
		return format_ns(buf, value);
	return strcmp(unit, "bytes") ? format_count(buf, value) : format_bytes(buf, value);
}

/* Whether any process has a heap engine besides these. */
static bool report_has_heap_engine(const struct report *report, const char *const *none)
{
	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		if (!g_strv_contains(none, process->heap_engine) || process->n_heap_rows)
			return true;
	}
	return false;
}

bool report_heap_is_counted(const struct report *report)
{
	static const char *const none[] = { "", "off", NULL };

	return report_has_heap_engine(report, none);
}

bool report_heap_is_sampled(const struct report *report)
{
	static const char *const none[] = { "", "off", "totals", NULL };

	return report_has_heap_engine(report, none);
}

bool report_heap_is_exact(const struct report *report)
{
	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		if (process->partial || (process->n_heap_rows && process->heap_mean_bytes > 1))
			return false;
		for (guint j = 0; j < process->losses->len; j++) {
			const struct profile_loss *loss =
				&g_array_index(process->losses, struct profile_loss, j);

			if (loss->window_count && loss->code >= PROF_LOSS_HEAP_RING &&
			    loss->code <= PROF_LOSS_WRITE && loss->code != PROF_LOSS_NO_STACK &&
			    loss->code != PROF_LOSS_STACK_TABLE)
				return false;
		}
	}
	return true;
}

bool report_is_window(const struct report *report)
{
	return report->profile->from_ns || report->profile->to_ns != UINT64_MAX;
}

bool report_is_partly(const struct report *report)
{
	return cells_are_selected(report->options) || report_is_window(report);
}

char *report_plural(char *buf, uint64_t n, const char *thing)
{
	g_snprintf(buf, FORMAT_ROOM, "%" G_GUINT64_FORMAT " %s%s", n, thing, n == 1 ? "" : "s");
	return buf;
}

/* A frame's innermost line that is not hidden; 0: none. */
static uint32_t report_frame_shown(const struct report *report, const struct frame *frame)
{
	for (uint32_t i = 0; i < frame->n_lines; i++) {
		if (report_is_shown(report, frame->first_line + i))
			return frame->first_line + i;
	}
	return 0;
}

uint32_t *report_leaves(const struct report *report)
{
	const struct profile *profile = report->profile;
	uint32_t *leaves = g_new0(uint32_t, profile->nodes->len), line;

	for (guint i = 1; i < profile->nodes->len; i++) {
		const struct node *node = profile_node(profile, i);

		line = report_frame_shown(report, profile_frame(profile, node->frame));
		leaves[i] = line ? line : leaves[node->parent];
	}
	return leaves;
}

static void report_sum(struct report *report)
{
	for (guint i = 0; i < report->cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(report->cells, i);

		report->samples += cell->samples;
		report->cpu_ns += cell->cpu;
		heap_sum_add(&report->heap, cell);
	}
}

/* As wide as COLUMNS says, or the terminal the page goes to. */
static unsigned report_columns(FILE *out)
{
	const char *asked = g_getenv("COLUMNS");
	guint64 columns = REPORT_COLUMNS;
	struct winsize size;

	if (asked && g_ascii_string_to_unsigned(asked, 10, 1, UINT32_MAX, &columns, NULL))
		return (unsigned)CLAMP(columns, REPORT_COLUMNS_MIN, REPORT_COLUMNS_MAX);
	if (isatty(fileno(out)) && !ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	return (unsigned)CLAMP(columns, REPORT_COLUMNS_MIN, REPORT_COLUMNS_MAX);
}

static void report_foot(const struct report *report)
{
	if (report->rough)
		fprintf(report->page.out,
			"\n~ rests on fewer than %u samples: the order of magnitude, not more.\n",
			INTERVAL_FEW);
}

static int report_write(struct profile *profile, FILE *out, const struct options *options)
{
	GPtrArray *cells = cells_select(profile, options);
	struct view *view = view_new(profile, options, METRIC_DEFAULT);
	struct report report = {
		.profile = profile,
		.options = options,
		.page = { out, report_columns(out) },
		.view = view,
		.cells = cells,
		.metric = profile_metric(profile, options->metric),
		.several = profile->processes->len > 2,
		.top = options->top > 0 ? (unsigned)options->top : REPORT_TOP,
	};

	report_sum(&report);
	report_count_trials(&report);
	report.heap_exact = report_heap_is_exact(&report);
	report.tree = stack_tree_new(profile, cells, report.metric);
	if (options->peek) {
		report_engines_brief(&report, metric_figures(report.metric));
		report_peek(&report);
	} else {
		report_head(&report);
		report_engines(&report);
		report_threads(&report);
		report_functions(&report);
		report_heap(&report);
		report_modules(&report);
	}
	report_foot(&report);
	stack_tree_free(report.tree);
	view_free(view);
	g_ptr_array_unref(cells);
	return 0;
}

const struct exporter out_report = {
	.groups = OPTIONS_SELECT | OPTIONS_SYMBOLS | OPTIONS_OUTPUT | OPTIONS_TOP,
	.shows_losses = true,
	.write = report_write,
};
