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
	uint32_t active; /* lines of it in the stack being walked */
	uint32_t line;	 /* source line with the most of self, else of total */
	struct stack_sum self, total;
};

/* What was found on a line of the model; and, once merged, on a source line of
 * a function. */
struct line_sum {
	uint32_t function, number;
	double self, total;
};

struct functions {
	struct report *report;
	struct function_sum *sums; /* by function */
	struct line_sum *lines;	   /* by line of the model */
};

/* The self of all functions. */
static void functions_add_self(struct functions *functions)
{
	struct report *report = functions->report;
	uint32_t *leaves = report_leaves(report);

	for (guint i = 0; i < report->cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(report->cells, i);
		struct stack_sum sum = stack_sum_of_cell(report->profile, cell, report->metric);
		uint32_t line = leaves[cell->stack];
		struct function_sum *function =
			&functions->sums[profile_line(report->profile, line)->function];

		if (!line || !(sum.value > 0))
			continue;
		stack_sum_add(&function->self, sum);
		functions->lines[line].self += sum.value;
	}
	g_free(leaves);
}

/* Outermost first: what is at and below the first line of a function in a
 * stack is its total, whatever calls itself further in. */
static void functions_enter(void *arg, uint32_t node, struct stack_sum sum)
{
	struct functions *functions = arg;
	struct report *report = functions->report;
	const struct frame *frame =
		profile_frame(report->profile, profile_node(report->profile, node)->frame);

	for (uint32_t i = frame->n_lines; i--;) {
		uint32_t line = frame->first_line + i;
		struct function_sum *function =
			&functions->sums[profile_line(report->profile, line)->function];

		if (!report_is_shown(report, line) || function->active++)
			continue;
		stack_sum_add(&function->total, sum);
		functions->lines[line].total += sum.value;
	}
}

static void functions_leave(void *arg, uint32_t node, struct stack_sum sum)
{
	struct functions *functions = arg;
	struct report *report = functions->report;
	const struct frame *frame =
		profile_frame(report->profile, profile_node(report->profile, node)->frame);

	(void)sum;
	for (uint32_t i = 0; i < frame->n_lines; i++) {
		if (report_is_shown(report, frame->first_line + i))
			functions
				->sums[profile_line(report->profile, frame->first_line + i)
					       ->function]
				.active--;
	}
}

static int functions_compare_lines(gconstpointer a, gconstpointer b)
{
	const struct line_sum *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static bool functions_is_hotter(const struct line_sum *line, const struct line_sum *than)
{
	if (line->self != than->self)
		return line->self > than->self;
	return line->total > than->total;
}

/* Gives each function the source line that the most of it was found on. */
static void functions_choose_lines(struct functions *functions)
{
	struct line_sum *lines = functions->lines, merged = { 0 }, best = { 0 };
	guint n = functions->report->profile->lines->len;

	for (guint i = 0; i < n; i++) {
		const struct line *line = profile_line(functions->report->profile, i);

		lines[i].function = line->function;
		lines[i].number = line->line;
	}
	qsort(lines, n, sizeof(*lines), functions_compare_lines);
	for (guint i = 0; i < n; i++) {
		if (lines[i].function != best.function)
			best = (struct line_sum){ .function = lines[i].function };
		if (lines[i].function != merged.function || lines[i].number != merged.number)
			merged = (struct line_sum){ lines[i].function, lines[i].number, 0, 0 };
		merged.self += lines[i].self;
		merged.total += lines[i].total;
		if (!merged.number || !functions_is_hotter(&merged, &best))
			continue;
		best = merged;
		functions->sums[best.function].line = best.number;
	}
}

static int functions_compare(gconstpointer a, gconstpointer b)
{
	const struct function_sum *x = a, *y = b;

	if (x->self.value != y->self.value)
		return x->self.value > y->self.value ? -1 : 1;
	if (x->total.value != y->total.value)
		return x->total.value > y->total.value ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static void functions_print_sum(struct report *report, struct report_table *table,
				const struct stack_sum *sum)
{
	char buf[FORMAT_ROOM];

	report_value(report, buf, sum->value);
	report_table_cellf(table, "%s%s", report_sum_mark(report, sum), buf);
	report_table_cell(table, report_reach(report, buf, sum));
	report_table_cell(table, format_share(buf, sum->value, report->tree->sums[0].value));
}

static void functions_print_row(struct functions *functions, struct report_table *table,
				const struct function_sum *sum)
{
	struct report *report = functions->report;
	char *place;

	functions_print_sum(report, table, &sum->self);
	functions_print_sum(report, table, &sum->total);
	place = report_place(profile_function(report->profile, sum->function), sum->line, 0);
	report_table_cell(table, place);
	g_free(place);
}

static void functions_print(struct functions *functions)
{
	static const struct report_column columns[] = {
		{ "self", 9, false },	 { "+-", 5, false }, { "self%", 6, false },
		{ "total", 9, false },	 { "+-", 5, false }, { "total%", 6, false },
		{ "function", 0, true },
	};
	struct report *report = functions->report;
	guint n = report->profile->functions->len, found = 0;
	struct report_table *table;

	for (guint i = 0; i < n; i++) {
		struct function_sum sum = functions->sums[i];

		sum.function = i;
		if (sum.total.value > 0)
			functions->sums[found++] = sum;
	}
	qsort(functions->sums, found, sizeof(*functions->sums), functions_compare);
	fprintf(report->page.out, "\nHottest functions by %s, %u of %u; +- is the 95%% interval\n",
		metric_name(report->metric), MIN(found, report->top), found);
	report_caveats(report, metric_figures(report->metric));
	table = report_table_new(columns, G_N_ELEMENTS(columns));
	for (guint i = 0; i < found && i < report->top; i++)
		functions_print_row(functions, table, &functions->sums[i]);
	report_table_print(table, &report->page);
}

/* A reason that has been told above; NULL: none. */
static const char *functions_known_reason(const struct process *process)
{
	if (!process->cpu_period_ns || !strcmp(process->cpu_engine, "off"))
		return "the CPU engine was off; see CPU above";
	if (process->off_wall_ns > (process->t_last_ns - process->t_first_ns) / 2)
		return "profiling was off most of the time; see profiled above";
	for (guint i = 0; i < process->engines->len; i++) {
		const struct profile_engine *engine =
			&g_array_index(process->engines, struct profile_engine, i);

		if (engine->engine == PROF_ENGINE_CPU && engine->state == PROF_ENGINE_OFF)
			return "the CPU engine was off at the end; see CPU above";
	}
	for (guint i = 0; i < process->losses->len; i++) {
		const struct profile_loss *loss =
			&g_array_index(process->losses, struct profile_loss, i);

		if (loss->count && loss->code != PROF_LOSS_SEGMENT_DROPPED)
			return "see losses above";
	}
	return NULL;
}

/* Why there are no CPU samples, with what would have brought some. */
static void functions_explain(struct report *report)
{
	const struct process *process = profile_process(report->profile, 1);
	const char *reason = functions_known_reason(process);
	char ran[FORMAT_ROOM], used[FORMAT_ROOM], period[FORMAT_ROOM];
	uint64_t cpu_ns = 0, user_ns = 0, system_ns = 0;
	GString *text;

	if (reason) {
		report_labelled(&report->page, "no samples", reason);
		return;
	}
	for (uint32_t i = 1; i < report->profile->threads->len; i++) {
		const struct thread *thread = profile_thread(report->profile, i);

		cpu_ns += thread->cpu_ns;
		user_ns += thread->window.user_ns;
		system_ns += thread->window.system_ns;
	}
	text = g_string_new("");
	g_string_printf(text, "the program ran %s and used %s of CPU time; ",
			format_ns(ran, (double)process->t_last_ns),
			format_ns(used, (double)cpu_ns));
	if (process->has_cpu_kernel && !process->cpu_kernel && system_ns > user_ns)
		g_string_append(
			text, "most of that was in the kernel, where this user may not look: root "
			      "may, or everyone after sysctl kernel.perf_event_paranoid=1");
	else
		g_string_append_printf(
			text,
			"the first sample of a thread comes after about %s of CPU time of its "
			"own. LIBPROF_CPU_HZ=%" PRIu64 " would sample more often",
			format_ns(period, (double)process->cpu_period_ns),
			(uint64_t)CLAMP(process->asked_hz * 10, 1, 10000));
	report_labelled(&report->page, "no samples", text->str);
	g_string_free(text, TRUE);
}

void report_functions(struct report *report)
{
	/* heap metrics that were asked for need no word about samples */
	bool is_cpu = report->options->metric == METRIC_DEFAULT || report->metric == METRIC_CPU ||
		      report->metric == METRIC_SAMPLES;
	struct functions functions = {
		.report = report,
		.sums = g_new0(struct function_sum, report->profile->functions->len),
		.lines = g_new0(struct line_sum, report->profile->lines->len),
	};

	functions_add_self(&functions);
	stack_tree_walk(report->tree, functions_enter, functions_leave, &functions);
	functions_choose_lines(&functions);
	if (report->tree->sums[0].value > 0)
		functions_print(&functions);
	if (!report->samples && is_cpu && !report_is_partly(report)) {
		fputc('\n', report->page.out);
		functions_explain(report);
	}
	g_free(functions.lines);
	g_free(functions.sums);
}
