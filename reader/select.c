/* SPDX-License-Identifier: Apache-2.0
 *
 * select.c - selection as two passes: expressions over functions (each name is
 * matched once), then over the tree of stacks, where a node inherits what its
 * callers matched.
 */
#include "select.h"

#include <inttypes.h>
#include <string.h>

#include "big_alloc.h"

enum match { MATCH_FOCUS = 1, MATCH_IGNORE = 2 };

/* By function id: which names regex matches; NULL without one. */
static guint8 *match_functions(const struct profile *p, const GRegex *regex)
{
	guint8 *matches;

	if (!regex)
		return NULL;
	matches = g_new0(guint8, p->functions->len);
	for (guint i = 1; i < p->functions->len; i++)
		matches[i] = g_regex_match(regex, profile_function(p, i)->name, 0, NULL);
	return matches;
}

static bool frame_matches(const struct profile *p, uint32_t frame, const guint8 *functions)
{
	const struct frame *f = profile_frame(p, frame);

	for (uint32_t i = 0; functions && i < f->n_lines; i++)
		if (functions[profile_line(p, f->first_line + i)->function])
			return true;
	return false;
}

/* By node: which expressions match somewhere in its stack; NULL: none given. */
static guint8 *match_nodes(const struct profile *p, const struct options *options)
{
	guint8 *focus = match_functions(p, options->focus);
	guint8 *ignore = match_functions(p, options->ignore);
	guint8 *nodes = NULL;

	if (focus || ignore) {
		nodes = g_new0(guint8, p->nodes->len);
		for (guint i = 1; i < p->nodes->len; i++) {
			const struct node *n = profile_node(p, i);

			nodes[i] = nodes[n->parent];
			if (frame_matches(p, n->frame, focus))
				nodes[i] |= MATCH_FOCUS;
			if (frame_matches(p, n->frame, ignore))
				nodes[i] |= MATCH_IGNORE;
		}
	}
	g_free(focus);
	g_free(ignore);
	return nodes;
}

bool view_thread_wanted(const struct profile *p, const struct options *options, uint32_t id)
{
	const struct thread *thread = profile_thread(p, id);
	char tid[24];

	if (!options->threads_wanted)
		return true;
	g_snprintf(tid, sizeof(tid), "%" PRIu64, thread->tid);
	for (char **wanted = options->threads_wanted; *wanted; wanted++)
		if (!strcmp(*wanted, tid) || !strcmp(*wanted, thread->name) ||
		    g_pattern_match_simple(*wanted, thread->name))
			return true;
	return false;
}

int view_compare(const struct profile *p, struct view_place a, struct view_place b)
{
	uint32_t of_a = profile_thread(p, a.thread)->process;
	uint32_t of_b = profile_thread(p, b.thread)->process;

	if (of_a != of_b)
		return of_a < of_b ? -1 : 1;
	if (a.thread != b.thread)
		return a.thread < b.thread ? -1 : 1;
	return a.stack < b.stack ? -1 : a.stack > b.stack;
}

static int compare_rows(const void *a, const void *b, void *profile)
{
	const struct view_row *x = a, *y = b;

	return view_compare(profile, (struct view_place){ x->thread, x->stack },
			    (struct view_place){ y->thread, y->stack });
}

/* So they come, unless threads of one process were met between another's. */
static bool rows_are_sorted(const struct profile *p, const GArray *rows)
{
	for (guint i = 1; i < rows->len; i++)
		if (compare_rows(&g_array_index(rows, struct view_row, i - 1),
				 &g_array_index(rows, struct view_row, i), (void *)p) > 0)
			return false;
	return true;
}

struct view *view_new(const struct profile *p, const struct options *options, enum metric metric)
{
	guint8 *nodes = match_nodes(p, options), *threads = g_new0(guint8, p->threads->len);
	struct view *view = g_new0(struct view, 1);
	guint8 required = options->focus ? MATCH_FOCUS : 0;

	view->profile = p;
	view->metric = profile_metric(p, metric);
	view->threads = options->threads;
	view->processes = options->processes;
	view->lines = options->lines;
	view->hidden = match_functions(p, options->hide);
	view->peeked = match_functions(p, options->peek);
	view->rows = g_array_sized_new(FALSE, FALSE, sizeof(struct view_row), p->cells->len);
	big_fill(view->rows->data, p->cells->len * sizeof(struct view_row));
	for (guint i = 0; i < p->threads->len; i++)
		threads[i] = view_thread_wanted(p, options, i);
	for (guint i = 1; i < p->cells->len; i++) {
		const struct cell *cell = &g_array_index(p->cells, struct cell, i);
		struct view_row row = { cell->thread, cell->stack, cell_value(cell, view->metric) };

		if (row.value <= 0 || !threads[cell->thread] ||
		    (nodes && nodes[cell->stack] != required))
			continue;
		g_array_append_val(view->rows, row);
	}
	if (!rows_are_sorted(p, view->rows))
		g_array_sort_with_data(view->rows, compare_rows, (void *)p);
	g_free(threads);
	g_free(nodes);
	return view;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	g_array_unref(view->rows);
	g_free(view->hidden);
	g_free(view->peeked);
	g_free(view);
}

void view_line_name(const struct view *view, uint32_t id, GString *out)
{
	const struct line *line = profile_line(view->profile, id);
	const struct function *function = profile_function(view->profile, line->function);

	g_string_append(out, function->name);
	if (!view->lines || !function->file)
		return;
	g_string_append_printf(out, " (%s", function->file);
	if (line->line)
		g_string_append_printf(out, ":%" PRIu32, line->line);
	g_string_append_c(out, ')');
}

void view_thread_label(const struct profile *p, uint32_t id, GString *out)
{
	const struct thread *thread = profile_thread(p, id);

	g_string_append_printf(out, "%s/%" PRIu64, *thread->name ? thread->name : "[unknown]",
			       thread->tid);
}

void view_process_label(const struct profile *p, uint32_t id, GString *out)
{
	const struct process *s = profile_process(p, id);

	g_string_append_printf(out, "%s-%" PRIu64, s->program, s->pid);
}
