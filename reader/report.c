/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - the output `report`: a page to read on a terminal.  Sets up what
 * the sections share, calls them in order and holds what more than one of them
 * uses.  Plain text without colours, the same wherever it goes.
 */
#include "report.h"

#include <string.h>

#include "out.h"

#define REPORT_TOP 15
#define PLACE_COLUMNS 62 /* of a table's last column */
#define PLACE_FILE_COLUMNS 28

char *report_value(const struct report *report, char *buf, double value)
{
	const char *unit = metric_unit(report->metric);

	if (!strcmp(unit, "nanoseconds"))
		return format_ns(buf, value);
	return strcmp(unit, "bytes") ? format_count(buf, value) : format_bytes(buf, value);
}

const char *report_mark(struct report *report, uint64_t n, bool exact)
{
	if (exact || !n || n >= CELLS_ROUGH_BELOW)
		return "";
	report->rough = true;
	return "~";
}

char *report_plural(char *buf, uint64_t n, const char *thing)
{
	g_snprintf(buf, FORMAT_ROOM, "%" G_GUINT64_FORMAT " %s%s", n, thing, n == 1 ? "" : "s");
	return buf;
}

char *report_place(const struct function *function, uint32_t line)
{
	GString *name = g_string_new(""), *place = g_string_new("");
	const char *file = function->file, *base;

	if (file && line) {
		if (format_safe(place, file, 0) > PLACE_FILE_COLUMNS) {
			base = strrchr(file, '/');
			format_safe(g_string_truncate(place, 0), base ? base + 1 : file,
				    PLACE_FILE_COLUMNS);
		}
		g_string_append_printf(place, ":%u", line);
		g_string_prepend(place, "  ");
	}
	format_safe(name, function->name ? function->name : "",
		    PLACE_COLUMNS - MIN((unsigned)place->len, PLACE_COLUMNS / 2));
	g_string_append(name, place->str);
	g_string_free(place, TRUE);
	return g_string_free(name, FALSE);
}

uint64_t report_cell_n(const struct report *report, const struct cell *cell)
{
	switch (report->metric) {
	case METRIC_ALLOC_OBJECTS:
	case METRIC_ALLOC_SPACE: return cell->alloc_n;
	case METRIC_INUSE_OBJECTS:
	case METRIC_INUSE_SPACE: return cell->inuse_n;
	default: return cell->samples;
	}
}

void report_steps(const struct report *report, uint32_t stack, GArray *steps)
{
	const struct profile *profile = report->profile;
	const guint8 *hidden = report->view->hidden;

	g_array_set_size(steps, 0);
	for (; stack; stack = profile_node(profile, stack)->parent) {
		const struct frame *frame =
			profile_frame(profile, profile_node(profile, stack)->frame);

		for (uint32_t i = 0; i < frame->n_lines; i++) {
			struct report_step step = { .line = frame->first_line + i };

			step.function = profile_line(profile, step.line)->function;
			if (!hidden || !hidden[step.function])
				g_array_append_val(steps, step);
		}
	}
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

static void report_foot(const struct report *report)
{
	if (report->rough)
		fprintf(report->out,
			"\n~ rests on fewer than %d samples: the order of magnitude, not more.\n",
			CELLS_ROUGH_BELOW);
}

static int report_write(struct profile *profile, FILE *out, const struct options *options)
{
	GPtrArray *cells = cells_select(profile, options);
	struct view *view = view_new(profile, options, METRIC_DEFAULT);
	struct report report = {
		.profile = profile,
		.options = options,
		.out = out,
		.view = view,
		.cells = cells,
		.metric = profile_metric(profile, options->metric),
		.several = profile->processes->len > 2,
		.top = options->top > 0 ? (unsigned)options->top : REPORT_TOP,
	};

	report_sum(&report);
	if (options->peek) {
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
	view_free(view);
	g_ptr_array_unref(cells);
	return 0;
}

const struct exporter out_report = {
	.groups = OPTIONS_SELECT | OPTIONS_SYMBOLS | OPTIONS_OUTPUT | OPTIONS_TOP,
	.shows_losses = true,
	.write = report_write,
};
