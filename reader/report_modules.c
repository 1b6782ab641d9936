/* SPDX-License-Identifier: Apache-2.0
 *
 * report_modules.c - the report's list of modules whose functions or lines are
 * unknown: their share of the profile, so that the reader can judge whether it
 * matters, their build id and what would fix it.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

struct module_sum {
	uint32_t module;
	uint32_t active; /* frames of it in the stack being walked */
	double self, total;
};

struct modules {
	const struct profile *profile;
	struct module_sum *sums; /* by module */
};

static struct module_sum *modules_of_node(const struct modules *modules, uint32_t node)
{
	uint32_t frame = profile_node(modules->profile, node)->frame;

	return &modules->sums[profile_frame_module(modules->profile, frame)];
}

static void modules_enter(void *arg, uint32_t node, struct stack_sum sum)
{
	struct module_sum *module = modules_of_node(arg, node);

	if (!module->active++)
		module->total += sum.value;
}

static void modules_leave(void *arg, uint32_t node, struct stack_sum sum)
{
	(void)sum;
	modules_of_node(arg, node)->active--;
}

static void modules_sum(const struct report *report, struct module_sum *sums)
{
	struct modules modules = { report->profile, sums };

	stack_tree_walk(report->tree, modules_enter, modules_leave, &modules);
	for (guint i = 0; i < report->cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(report->cells, i);

		modules_of_node(&modules, cell->stack)->self +=
			MAX(0, cell_value(cell, report->metric));
	}
}

static int modules_compare(gconstpointer a, gconstpointer b)
{
	const struct module_sum *x = a, *y = b;

	if (x->self != y->self)
		return x->self > y->self ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return x->module < y->module ? -1 : x->module > y->module;
}

static void modules_print_row(const struct report *report, const struct module_sum *sum,
			      double whole)
{
	const struct module *module = profile_module(report->profile, sum->module);
	const struct symbolize_status *symbols = &module->symbols;
	char self[FORMAT_ROOM], total[FORMAT_ROOM];
	GString *text = g_string_new(*module->path ? module->path : "[anonymous code]");

	g_string_append_printf(text, "; names: %s%s", symbolize_source_name(symbols->source),
			       symbols->lines ? "" : ", no lines");
	if (symbols->match == SYMBOLIZE_MATCH_CHANGED)
		g_string_append(text, "; the file here is another one than was profiled");
	if (symbols->match == SYMBOLIZE_MATCH_MISSING)
		g_string_append(text, "; there is no such file here");
	if (symbols->failed)
		g_string_append(text, "; reading it failed or took too long");
	fprintf(report->page.out, "  self %s, total %s\n", format_share(self, sum->self, whole),
		format_share(total, sum->total, whole));
	report_labelled(&report->page, "", text->str);
	g_string_assign(text, "build id ");
	for (uint32_t i = 0; i < module->build_id_len; i++)
		g_string_append_printf(text, "%02x", module->build_id[i]);
	if (!module->build_id_len)
		g_string_append(text, "none");
	report_labelled(&report->page, "", text->str);
	if (symbols->advice)
		report_labelled(&report->page, "", symbols->advice);
	g_string_free(text, TRUE);
}

/* A module is told of when something is missing and it is part of a stack. */
static bool modules_is_told(const struct report *report, uint32_t id)
{
	const struct symbolize_status *symbols = &profile_module(report->profile, id)->symbols;

	return id &&
	       (symbols->advice || symbols->source == SYMBOLIZE_SOURCE_NONE || symbols->failed);
}

void report_modules(struct report *report)
{
	guint n = report->profile->modules->len, found = 0;
	struct module_sum *sums = g_new0(struct module_sum, n);
	double whole = report->tree->sums[0].value;

	modules_sum(report, sums);
	for (guint i = 0; i < n; i++) {
		struct module_sum sum = sums[i];

		sum.module = i;
		if (sum.total > 0 && modules_is_told(report, i))
			sums[found++] = sum;
	}
	qsort(sums, found, sizeof(*sums), modules_compare);
	if (found)
		fprintf(report->page.out, "\n%u module%s without full symbols, by share of %s\n",
			found, found == 1 ? "" : "s", metric_name(report->metric));
	else if (whole > 0)
		fputs("\nAll modules in the stacks have symbols.\n", report->page.out);
	for (guint i = 0; i < found && i < report->top; i++)
		modules_print_row(report, &sums[i], whole);
	if (found > report->top)
		fprintf(report->page.out, "  and %u more (--top %u shows them)\n",
			found - report->top, found);
	g_free(sums);
}
