/* SPDX-License-Identifier: Apache-2.0
 *
 * report_peek.c - `report --peek RE`: for each function that matches, who calls
 * it and what it calls, with shares.  A stack that holds the function several
 * times counts once: its caller is that of the outermost one, its callee that
 * of the innermost, so callers sum to the total, and callees and self do.
 */
#include "report.h"

#include "keys.h"

struct peek_sum {
	uint32_t function;
	uint32_t last; /* its innermost step in the stack being walked, + 1 */
	double recursive;
	struct stack_sum self, total;
	GHashTable *callers, *callees; /* function id -> struct stack_sum *, 0: none */
};

/* A function of the stack being walked, outermost first. */
struct peek_step {
	uint32_t function;
	uint32_t before; /* the step of the same function before this one, + 1 */
};

struct peek {
	struct report *report;
	GHashTable *sums; /* function id -> struct peek_sum * */
	GArray *steps;	  /* struct peek_step */
};

static void peek_sum_free(gpointer data)
{
	struct peek_sum *sum = data;

	g_hash_table_unref(sum->callers);
	g_hash_table_unref(sum->callees);
	g_free(sum);
}

/* The sum of that caller or callee, a new one when it is new. */
static struct stack_sum *peek_edge(GHashTable *edges, uint32_t function)
{
	struct stack_sum *sum = g_hash_table_lookup(edges, key_pointer(function));

	if (!sum) {
		sum = g_new0(struct stack_sum, 1);
		g_hash_table_insert(edges, key_pointer(function), sum);
	}
	return sum;
}

/* NULL for functions that are not peeked at. */
static struct peek_sum *peek_sum_of(struct peek *peek, uint32_t function)
{
	struct peek_sum *sum;

	if (!peek->report->view->peeked[function])
		return NULL;
	sum = g_hash_table_lookup(peek->sums, key_pointer(function));
	if (sum)
		return sum;
	sum = g_new0(struct peek_sum, 1);
	sum->function = function;
	sum->callers = key_table_new(g_free);
	sum->callees = key_table_new(g_free);
	g_hash_table_insert(peek->sums, key_pointer(function), sum);
	return sum;
}

static uint32_t peek_function(const struct peek *peek, guint i)
{
	return g_array_index(peek->steps, struct peek_step, i).function;
}

/* One more function in the stack.  A function's callee is that of its innermost
 * step: what it gets at one step is taken back where it stands again. */
static void peek_push(struct peek *peek, uint32_t function, struct stack_sum below)
{
	guint at = peek->steps->len;
	uint32_t caller = at ? peek_function(peek, at - 1) : 0;
	struct peek_sum *sum = at ? peek_sum_of(peek, caller) : NULL;
	struct peek_step step = { .function = function };

	if (sum)
		stack_sum_add(peek_edge(sum->callees, function), below);
	sum = peek_sum_of(peek, function);
	if (sum) {
		step.before = sum->last;
		sum->last = at + 1;
	}
	g_array_append_val(peek->steps, step);
	if (sum && step.before) {
		sum->recursive += below.value;
		stack_sum_take(peek_edge(sum->callees, peek_function(peek, step.before)), below);
	} else if (sum) {
		stack_sum_add(&sum->total, below);
		stack_sum_add(peek_edge(sum->callers, caller), below);
	}
}

static void peek_enter(void *arg, uint32_t node, struct stack_sum below)
{
	struct peek *peek = arg;
	const struct profile *profile = peek->report->profile;
	const struct frame *frame = profile_frame(profile, profile_node(profile, node)->frame);

	for (uint32_t i = frame->n_lines; i--;) {
		if (report_is_shown(peek->report, frame->first_line + i))
			peek_push(peek, profile_line(profile, frame->first_line + i)->function,
				  below);
	}
}

static void peek_leave(void *arg, uint32_t node, struct stack_sum below)
{
	struct peek *peek = arg;
	const struct profile *profile = peek->report->profile;
	const struct frame *frame = profile_frame(profile, profile_node(profile, node)->frame);

	(void)below;
	for (uint32_t i = 0; i < frame->n_lines; i++) {
		struct peek_step step;
		struct peek_sum *sum;

		if (!report_is_shown(peek->report, frame->first_line + i))
			continue;
		step = g_array_index(peek->steps, struct peek_step, peek->steps->len - 1);
		g_array_set_size(peek->steps, peek->steps->len - 1);
		sum = peek_sum_of(peek, step.function);
		if (sum)
			sum->last = step.before;
	}
}

static void peek_add_self(struct peek *peek)
{
	struct report *report = peek->report;
	uint32_t *leaves = report_leaves(report);

	for (guint i = 0; i < report->cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(report->cells, i);
		uint32_t line = leaves[cell->stack];
		struct stack_sum own = stack_sum_of_cell(report->profile, cell, report->metric);
		struct peek_sum *sum;

		if (!line || !(own.value > 0))
			continue;
		sum = peek_sum_of(peek, profile_line(report->profile, line)->function);
		if (sum)
			stack_sum_add(&sum->self, own);
	}
	g_free(leaves);
}

struct peek_edge {
	uint32_t function;
	struct stack_sum sum;
};

static int peek_compare_edges(gconstpointer a, gconstpointer b)
{
	const struct peek_edge *x = a, *y = b;

	if (x->sum.value != y->sum.value)
		return x->sum.value > y->sum.value ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static int peek_compare_sums(gconstpointer a, gconstpointer b)
{
	const struct peek_sum *x = *(struct peek_sum *const *)a, *y = *(struct peek_sum *const *)b;

	if (x->total.value != y->total.value)
		return x->total.value > y->total.value ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static void peek_row(struct peek *peek, struct report_table *table, const struct stack_sum *sum,
		     double whole, const char *text)
{
	struct report *report = peek->report;
	char buf[FORMAT_ROOM];

	report_value(report, buf, sum->value);
	report_table_cellf(table, "%s%s", report_sum_mark(report, sum), buf);
	report_table_cell(table, report_reach(report, buf, sum));
	report_table_cell(table, format_share(buf, sum->value, whole));
	report_table_cell(table, text);
}

static void peek_edges(struct peek *peek, struct report_table *table, GHashTable *edges,
		       double whole, const char *none)
{
	GArray *sorted = g_array_new(FALSE, FALSE, sizeof(struct peek_edge));
	gpointer key, value;
	GHashTableIter iter;
	struct stack_sum rest = { 0 };

	g_hash_table_iter_init(&iter, edges);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct peek_edge edge = { (uint32_t)GPOINTER_TO_SIZE(key),
					  *(struct stack_sum *)value };

		/* what was given and taken back is 0 but for rounding */
		if (edge.sum.value > whole * 1e-9)
			g_array_append_val(sorted, edge);
	}
	g_array_sort(sorted, peek_compare_edges);
	for (guint i = 0; i < sorted->len; i++) {
		const struct peek_edge *edge = &g_array_index(sorted, struct peek_edge, i);
		char *name;

		if (i >= peek->report->top) {
			stack_sum_add(&rest, edge->sum);
			continue;
		}
		name = edge->function ? report_place(profile_function(peek->report->profile,
								      edge->function),
						     0, 0)
				      : g_strdup(none);
		peek_row(peek, table, &edge->sum, whole, name);
		g_free(name);
	}
	if (rest.value > 0)
		peek_row(peek, table, &rest, whole, "(others)");
	g_array_unref(sorted);
}

/* "  total ~1.2 ms +-34% (5%)" */
static void peek_print_sum(struct report *report, const char *what, const struct stack_sum *sum)
{
	char buf[FORMAT_ROOM], reach[FORMAT_ROOM];

	fprintf(report->page.out, "%s%s%s", what, report_sum_mark(report, sum),
		report_value(report, buf, sum->value));
	fprintf(report->page.out, "%s", report_beside(buf, report_reach(report, reach, sum)));
	fprintf(report->page.out, " (%s)",
		format_share(buf, sum->value, report->tree->sums[0].value));
}

static void peek_print(struct peek *peek, const struct peek_sum *sum)
{
	static const struct report_column callers[] = {
		{ "callers", 10, false },
		{ "+-", 5, false },
		{ "share", 6, false },
		{ "function", 0, true },
	};
	static const struct report_column callees[] = {
		{ "callees", 10, false },
		{ "+-", 5, false },
		{ "share", 6, false },
		{ "function", 0, true },
	};
	struct report *report = peek->report;
	const struct function *function = profile_function(report->profile, sum->function);
	char *place = report_place(function, 0, 0);
	GString *title = g_string_new("");
	struct report_table *table;

	report_place_append(title, place, report->page.columns);
	fprintf(report->page.out, "\n%s\n", title->str);
	peek_print_sum(report, "  total ", &sum->total);
	peek_print_sum(report, ", self ", &sum->self);
	if (sum->recursive > 0)
		fprintf(report->page.out, ", also calls itself");
	fputc('\n', report->page.out);
	table = report_table_new(callers, G_N_ELEMENTS(callers));
	peek_edges(peek, table, sum->callers, sum->total.value, "(none: the outermost function)");
	report_table_print(table, &report->page);
	table = report_table_new(callees, G_N_ELEMENTS(callees));
	if (sum->self.value > 0)
		peek_row(peek, table, &sum->self, sum->total.value, "(the function itself)");
	peek_edges(peek, table, sum->callees, sum->total.value, "");
	report_table_print(table, &report->page);
	g_string_free(title, TRUE);
	g_free(place);
}

static void peek_print_all(struct peek *peek)
{
	struct report *report = peek->report;
	GPtrArray *sorted = g_ptr_array_new();
	char buf[FORMAT_ROOM], reach[FORMAT_ROOM];
	GHashTableIter iter;
	gpointer sum;
	const struct stack_sum *all = &report->tree->sums[0];
	/* what all samples of the threads stand for, their clocks say */
	bool all_known = metric_figures(report->metric) & FIGURES_CPU && all->n == report->trials;

	g_hash_table_iter_init(&iter, peek->sums);
	while (g_hash_table_iter_next(&iter, NULL, &sum))
		g_ptr_array_add(sorted, sum);
	g_ptr_array_sort(sorted, peek_compare_sums);
	fprintf(report->page.out, "\n%s%s", all_known ? "" : report_sum_mark(report, all),
		report_value(report, buf, all->value));
	fprintf(report->page.out,
		"%s in all stacks; %u function%s match%s; +- is the 95%% interval\n",
		all_known ? "" : report_beside(buf, report_reach(report, reach, all)), sorted->len,
		sorted->len == 1 ? "" : "s", sorted->len == 1 ? "es" : "");
	report_caveats(report, metric_figures(report->metric));
	for (guint i = 0; i < sorted->len && i < report->top; i++)
		peek_print(peek, sorted->pdata[i]);
	if (sorted->len > report->top)
		fprintf(report->page.out, "\nand %u more (--top %u shows them)\n",
			sorted->len - report->top, sorted->len);
	g_ptr_array_unref(sorted);
}

void report_peek(struct report *report)
{
	struct peek peek = {
		.report = report,
		.sums = key_table_new(peek_sum_free),
		.steps = g_array_new(FALSE, FALSE, sizeof(struct peek_step)),
	};

	stack_tree_walk(report->tree, peek_enter, peek_leave, &peek);
	peek_add_self(&peek);
	peek_print_all(&peek);
	g_array_unref(peek.steps);
	g_hash_table_unref(peek.sums);
}
