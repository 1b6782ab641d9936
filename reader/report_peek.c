/* SPDX-License-Identifier: Apache-2.0
 *
 * report_peek.c - `report --peek RE`: for each function that matches, who calls
 * it and what it calls, with shares.  A stack that holds the function several
 * times counts once: its caller is that of the outermost one, its callee that
 * of the innermost, so callers sum to the total, and callees and self do.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

struct peek_sum {
	uint32_t function;
	uint32_t seen; /* last cell that counted, + 1 */
	double self, total, recursive;
	uint64_t n;
	GHashTable *callers, *callees; /* function id -> double *, 0: none */
};

struct peek {
	struct report *report;
	GHashTable *sums; /* function id -> struct peek_sum * */
	double whole;
};

static void peek_sum_free(gpointer data)
{
	struct peek_sum *sum = data;

	g_hash_table_unref(sum->callers);
	g_hash_table_unref(sum->callees);
	g_free(sum);
}

static void peek_add(GHashTable *edges, uint32_t function, double value)
{
	double *sum = g_hash_table_lookup(edges, GSIZE_TO_POINTER(function));

	if (!sum) {
		sum = g_new0(double, 1);
		g_hash_table_insert(edges, GSIZE_TO_POINTER(function), sum);
	}
	*sum += value;
}

static struct peek_sum *peek_sum_of(struct peek *peek, uint32_t function)
{
	struct peek_sum *sum = g_hash_table_lookup(peek->sums, GSIZE_TO_POINTER(function));

	if (sum)
		return sum;
	sum = g_new0(struct peek_sum, 1);
	sum->function = function;
	sum->callers = g_hash_table_new_full(cells_hash_key, g_direct_equal, NULL, g_free);
	sum->callees = g_hash_table_new_full(cells_hash_key, g_direct_equal, NULL, g_free);
	g_hash_table_insert(peek->sums, GSIZE_TO_POINTER(function), sum);
	return sum;
}

static uint32_t peek_step(const GArray *steps, guint i)
{
	return i < steps->len ? g_array_index(steps, struct report_step, i).function : 0;
}

/* Innermost first: the first time a function is met gives its callee. */
static void peek_add_callees(struct peek *peek, guint cell_index, const GArray *steps, double value,
			     uint64_t n)
{
	for (guint i = 0; i < steps->len; i++) {
		uint32_t function = peek_step(steps, i);
		struct peek_sum *sum;

		if (!peek->report->view->peeked[function])
			continue;
		sum = peek_sum_of(peek, function);
		if (sum->seen == cell_index + 1)
			continue;
		sum->seen = cell_index + 1;
		sum->total += value;
		sum->n += n;
		if (i == 0)
			sum->self += value;
		else
			peek_add(sum->callees, peek_step(steps, i - 1), value);
	}
}

/* Outermost first: the first time gives its caller.  seen holds the cell after
 * the pass above, and is set back here. */
static void peek_add_callers(struct peek *peek, guint cell_index, const GArray *steps, double value)
{
	for (guint i = steps->len; i--;) {
		uint32_t function = peek_step(steps, i);
		struct peek_sum *sum;

		if (!peek->report->view->peeked[function])
			continue;
		sum = peek_sum_of(peek, function);
		if (sum->seen != cell_index + 1) {
			/* UINT32_MAX: once more than the first time */
			if (sum->seen != UINT32_MAX)
				sum->recursive += value;
			sum->seen = UINT32_MAX;
			continue;
		}
		sum->seen = 0;
		peek_add(sum->callers, peek_step(steps, i + 1), value);
	}
}

struct peek_edge {
	uint32_t function;
	double value;
};

static int peek_compare_edges(gconstpointer a, gconstpointer b)
{
	const struct peek_edge *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static int peek_compare_sums(gconstpointer a, gconstpointer b)
{
	const struct peek_sum *x = *(struct peek_sum *const *)a, *y = *(struct peek_sum *const *)b;

	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static void peek_row(struct peek *peek, struct report_table *table, double value, double whole,
		     const char *text)
{
	char buf[FORMAT_ROOM];

	report_table_cell(table, report_value(peek->report, buf, value));
	report_table_cell(table, format_share(buf, value, whole));
	report_table_cell(table, text);
}

static void peek_edges(struct peek *peek, struct report_table *table, GHashTable *edges,
		       double whole, const char *none)
{
	GArray *sorted = g_array_new(FALSE, FALSE, sizeof(struct peek_edge));
	gpointer key, value;
	GHashTableIter iter;
	double rest = 0;

	g_hash_table_iter_init(&iter, edges);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct peek_edge edge = { (uint32_t)GPOINTER_TO_SIZE(key), *(double *)value };

		g_array_append_val(sorted, edge);
	}
	g_array_sort(sorted, peek_compare_edges);
	for (guint i = 0; i < sorted->len; i++) {
		const struct peek_edge *edge = &g_array_index(sorted, struct peek_edge, i);
		char *name;

		if (i >= peek->report->top) {
			rest += edge->value;
			continue;
		}
		name = edge->function
			       ? report_place(
					 profile_function(peek->report->profile, edge->function), 0)
			       : g_strdup(none);
		peek_row(peek, table, edge->value, whole, name);
		g_free(name);
	}
	if (rest > 0)
		peek_row(peek, table, rest, whole, "(others)");
	g_array_unref(sorted);
}

static void peek_print(struct peek *peek, const struct peek_sum *sum)
{
	static const struct report_column callers[] = {
		{ "callers", 10, false },
		{ "share", 6, false },
		{ "function", 0, true },
	};
	static const struct report_column callees[] = {
		{ "callees", 10, false },
		{ "share", 6, false },
		{ "function", 0, true },
	};
	struct report *report = peek->report;
	const struct function *function = profile_function(report->profile, sum->function);
	char buf[FORMAT_ROOM], *place = report_place(function, 0);
	struct report_table *table;

	fprintf(report->out, "\n%s\n", place);
	fprintf(report->out, "  total %s%s", report_mark(report, sum->n, false),
		report_value(report, buf, sum->total));
	fprintf(report->out, " (%s)", format_share(buf, sum->total, peek->whole));
	fprintf(report->out, ", self %s", report_value(report, buf, sum->self));
	fprintf(report->out, " (%s)", format_share(buf, sum->self, peek->whole));
	if (sum->recursive > 0)
		fprintf(report->out, ", also calls itself");
	fputc('\n', report->out);
	table = report_table_new(callers, G_N_ELEMENTS(callers));
	peek_edges(peek, table, sum->callers, sum->total, "(none: the outermost function)");
	report_table_print(table, report->out);
	table = report_table_new(callees, G_N_ELEMENTS(callees));
	if (sum->self > 0)
		peek_row(peek, table, sum->self, sum->total, "(the function itself)");
	peek_edges(peek, table, sum->callees, sum->total, "");
	report_table_print(table, report->out);
	g_free(place);
}

static void peek_print_all(struct peek *peek)
{
	struct report *report = peek->report;
	GPtrArray *sorted = g_ptr_array_new();
	char buf[FORMAT_ROOM];
	GHashTableIter iter;
	gpointer sum;

	g_hash_table_iter_init(&iter, peek->sums);
	while (g_hash_table_iter_next(&iter, NULL, &sum))
		g_ptr_array_add(sorted, sum);
	g_ptr_array_sort(sorted, peek_compare_sums);
	fprintf(report->out, "%s in all stacks; %u function%s match\n",
		report_value(report, buf, peek->whole), sorted->len, sorted->len == 1 ? "" : "s");
	for (guint i = 0; i < sorted->len && i < report->top; i++)
		peek_print(peek, sorted->pdata[i]);
	if (sorted->len > report->top)
		fprintf(report->out, "\nand %u more (--top %u shows them)\n",
			sorted->len - report->top, sorted->len);
	g_ptr_array_unref(sorted);
}

void report_peek(struct report *report)
{
	struct peek peek = {
		.report = report,
		.sums = g_hash_table_new_full(cells_hash_key, g_direct_equal, NULL, peek_sum_free),
	};
	GArray *steps = g_array_new(FALSE, FALSE, sizeof(struct report_step));

	for (guint i = 0; i < report->cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(report->cells, i);
		double value = cell_value(cell, report->metric);

		if (!(value > 0))
			continue;
		peek.whole += value;
		report_steps(report, cell->stack, steps);
		peek_add_callees(&peek, i, steps, value, report_cell_n(report, cell));
		peek_add_callers(&peek, i, steps, value);
	}
	peek_print_all(&peek);
	g_array_unref(steps);
	g_hash_table_unref(peek.sums);
}
