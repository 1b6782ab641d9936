/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.c - the cells that the selection leaves.  Between the model and the
 * outputs that show several metrics at once.
 */
#include "cells.h"

#include "keys.h"

bool cells_are_selected(const struct options *options)
{
	return options->threads_wanted || options->focus || options->ignore;
}

static int cells_compare(gconstpointer a, gconstpointer b, gpointer profile)
{
	const struct cell *x = *(const struct cell *const *)a;
	const struct cell *y = *(const struct cell *const *)b;

	return view_compare(profile, (struct view_place){ x->thread, x->stack },
			    (struct view_place){ y->thread, y->stack });
}

/* (thread, stack) of all rows of some metrics that together see every cell:
 * CPU time without samples, blocks of size 0, blocks of which all were freed. */
static GHashTable *cells_wanted(const struct profile *profile, const struct options *options)
{
	static const enum metric metrics[] = { METRIC_CPU, METRIC_SAMPLES, METRIC_ALLOC_OBJECTS,
					       METRIC_INUSE_OBJECTS };
	GHashTable *wanted = key_table_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(metrics); i++) {
		struct view *view = view_new(profile, options, metrics[i]);

		for (guint j = 0; j < view->rows->len; j++) {
			const struct view_row *row = &g_array_index(view->rows, struct view_row, j);

			g_hash_table_add(wanted, key_pair(row->thread, row->stack));
		}
		view_free(view);
	}
	return wanted;
}

GPtrArray *cells_select(const struct profile *profile, const struct options *options)
{
	GHashTable *wanted = cells_are_selected(options) ? cells_wanted(profile, options) : NULL;
	GPtrArray *cells = g_ptr_array_new();

	for (guint i = 1; i < profile->cells->len; i++) {
		const struct cell *cell = &g_array_index(profile->cells, struct cell, i);

		if (!profile_thread(profile, cell->thread)->process)
			continue;
		if (!wanted || g_hash_table_contains(wanted, key_pair(cell->thread, cell->stack)))
			g_ptr_array_add(cells, (gpointer)cell);
	}
	if (wanted)
		g_hash_table_unref(wanted);
	g_ptr_array_sort_with_data(cells, cells_compare, (gpointer)profile);
	return cells;
}
