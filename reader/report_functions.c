/* SPDX-License-Identifier: Apache-2.0
 *
 * report_functions.c - the report's hottest functions: self is what was found
 * in the function itself, total what was found in it and in all it called,
 * counted once for a stack however often the function stands in it.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

struct function_sum {
	uint32_t function;
	uint32_t seen; /* last cell that counted, + 1 */
	uint32_t line; /* source line with the most of self, else of total */
	bool line_is_self;
	uint64_t self_n, total_n;
	double self, total, line_value;
};

/* Sums by function id; and by function and source line, self and total apart. */
struct functions {
	struct report *report;
	struct function_sum *sums;
	GHashTable *lines; /* self << 63 | function << 32 | line number -> double * */
	double total;
};

/* Keeps the line of a function that the most of it was found on. */
static void functions_add_line(struct functions *functions, struct function_sum *sum,
			       const struct report_step *step, bool self, double value)
{
	uint32_t number = profile_line(functions->report->profile, step->line)->line;
	gpointer key =
		GSIZE_TO_POINTER((uint64_t)self << 63 | (uint64_t)step->function << 32 | number);
	double *line;

	if (!number)
		return;
	line = g_hash_table_lookup(functions->lines, key);
	if (!line) {
		line = g_new0(double, 1);
		g_hash_table_insert(functions->lines, key, line);
	}
	*line += value;
	if (self < sum->line_is_self || (self == sum->line_is_self && *line <= sum->line_value))
		return;
	sum->line = number;
	sum->line_value = *line;
	sum->line_is_self = self;
}

static void functions_add_cell(struct functions *functions, guint i, GArray *steps)
{
	struct report *report = functions->report;
	const struct cell *cell = g_ptr_array_index(report->cells, i);
	double value = cell_value(cell, report->metric);
	uint64_t n = report_cell_n(report, cell);

	if (!(value > 0))
		return;
	functions->total += value;
	report_steps(report, cell->stack, steps);
	for (guint j = 0; j < steps->len; j++) {
		const struct report_step *step = &g_array_index(steps, struct report_step, j);
		struct function_sum *sum = &functions->sums[step->function];

		if (j == 0) {
			sum->self += value;
			sum->self_n += n;
			functions_add_line(functions, sum, step, true, value);
		}
		if (sum->seen == i + 1)
			continue;
		sum->seen = i + 1;
		sum->total += value;
		sum->total_n += n;
		functions_add_line(functions, sum, step, false, value);
	}
}

static int functions_compare(gconstpointer a, gconstpointer b)
{
	const struct function_sum *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static void functions_print_row(struct functions *functions, struct report_table *table,
				const struct function_sum *sum)
{
	struct report *report = functions->report;
	bool exact = report->metric != METRIC_CPU && report->metric != METRIC_SAMPLES &&
		     !(report->heap.alloc_space_var > 0 || report->heap.inuse_space_var > 0);
	char buf[FORMAT_ROOM], *place;

	report_value(report, buf, sum->self);
	report_table_cellf(table, "%s%s", report_mark(report, sum->self_n, exact), buf);
	report_table_cell(table, format_share(buf, sum->self, functions->total));
	report_value(report, buf, sum->total);
	report_table_cellf(table, "%s%s", report_mark(report, sum->total_n, exact), buf);
	report_table_cell(table, format_share(buf, sum->total, functions->total));
	place = report_place(profile_function(report->profile, sum->function), sum->line);
	report_table_cell(table, place);
	g_free(place);
}

static void functions_print(struct functions *functions)
{
	static const struct report_column columns[] = {
		{ "self", 9, false },	{ "self%", 6, false },	 { "total", 9, false },
		{ "total%", 6, false }, { "function", 0, true },
	};
	struct report *report = functions->report;
	guint n = report->profile->functions->len, found = 0;
	struct report_table *table;

	for (guint i = 0; i < n; i++) {
		struct function_sum sum = functions->sums[i];

		sum.function = i;
		if (sum.total > 0)
			functions->sums[found++] = sum;
	}
	qsort(functions->sums, found, sizeof(*functions->sums), functions_compare);
	fprintf(report->out, "\nHottest functions by %s, %u of %u\n", metric_name(report->metric),
		MIN(found, report->top), found);
	table = report_table_new(columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < found && i < report->top; i++)
		functions_print_row(functions, table, &functions->sums[i]);
	report_table_print(table, report->out);
}

/* Why there are no CPU samples, with what would have brought some. */
static void functions_explain(struct report *report)
{
	const struct process *process = profile_process(report->profile, 1);
	char ran[FORMAT_ROOM], used[FORMAT_ROOM], period[FORMAT_ROOM], *text;
	uint64_t cpu_ns = 0;

	for (uint32_t i = 1; i < report->profile->processes->len; i++)
		cpu_ns += profile_process(report->profile, i)->cpu_ns;
	if (!process->cpu_period_ns || !strcmp(process->cpu_engine, "off")) {
		report_labelled(report->out, "no samples", "the CPU engine was off; see CPU above");
		return;
	}
	text = g_strdup_printf(
		"the program ran %s and used %s of CPU time; the first sample of a thread comes "
		"after about %s of CPU time of its own. LIBPROF_CPU_HZ=%" PRIu64
		" would sample ten times as often.",
		format_ns(ran, (double)process->t_last_ns), format_ns(used, (double)cpu_ns),
		format_ns(period, (double)process->cpu_period_ns),
		(uint64_t)CLAMP(process->asked_hz * 10, 1, 10000));
	report_labelled(report->out, "no samples", text);
	g_free(text);
}

void report_functions(struct report *report)
{
	/* heap metrics that were asked for need no word about samples */
	bool is_cpu = report->options->metric == METRIC_DEFAULT || report->metric == METRIC_CPU ||
		      report->metric == METRIC_SAMPLES;
	struct functions functions = {
		.report = report,
		.sums = g_new0(struct function_sum, report->profile->functions->len + 1),
		.lines = g_hash_table_new_full(cells_hash_key, g_direct_equal, NULL, g_free),
	};
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct report_step));

	for (guint i = 0; i < report->cells->len; i++)
		functions_add_cell(&functions, i, steps);
	if (functions.total > 0)
		functions_print(&functions);
	if (!report->samples && is_cpu) {
		fputc('\n', report->out);
		functions_explain(report);
	}
	g_array_unref(steps);
	g_hash_table_unref(functions.lines);
	g_free(functions.sums);
}
