/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.c - the cells that the selection leaves, and sums of heap estimates by
 * site.  Between the model and the outputs that show several metrics at once.
 */
#include "cells.h"

#include <math.h>
#include <string.h>

guint cells_hash_key(gconstpointer key)
{
	/* the high half of a multiplication by 2^64 / golden ratio */
	return (guint)((uint64_t)GPOINTER_TO_SIZE(key) * 0x9e3779b97f4a7c15u >> 32);
}

static gpointer cells_key(uint32_t thread, uint32_t stack)
{
	return GSIZE_TO_POINTER((uint64_t)thread << 32 | stack);
}

bool cells_are_selected(const struct options *options)
{
	return options->threads_wanted || options->focus || options->ignore;
}

static int cells_compare(const struct profile *profile, const struct cell *a, const struct cell *b)
{
	uint32_t pa = profile_thread(profile, a->thread)->process;
	uint32_t pb = profile_thread(profile, b->thread)->process;

	if (pa != pb)
		return pa < pb ? -1 : 1;
	if (a->thread != b->thread)
		return a->thread < b->thread ? -1 : 1;
	return a->stack < b->stack ? -1 : a->stack > b->stack;
}

static int cells_compare_pointers(gconstpointer a, gconstpointer b, gpointer profile)
{
	return cells_compare(profile, *(const struct cell *const *)a,
			     *(const struct cell *const *)b);
}

/* (thread, stack) of all rows of some metrics that together see every cell:
 * CPU time without samples, blocks of size 0, blocks of which all were freed. */
static GHashTable *cells_wanted(const struct profile *profile, const struct options *options)
{
	static const enum metric metrics[] = { METRIC_CPU, METRIC_SAMPLES, METRIC_ALLOC_OBJECTS,
					       METRIC_INUSE_OBJECTS };
	GHashTable *wanted = g_hash_table_new(cells_hash_key, g_direct_equal);

	for (size_t i = 0; i < G_N_ELEMENTS(metrics); i++) {
		struct view *view = view_new(profile, options, metrics[i]);

		for (guint j = 0; j < view->rows->len; j++) {
			const struct view_row *row = &g_array_index(view->rows, struct view_row, j);

			g_hash_table_add(wanted, cells_key(row->thread, row->stack));
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
		if (!wanted || g_hash_table_contains(wanted, cells_key(cell->thread, cell->stack)))
			g_ptr_array_add(cells, (gpointer)cell);
	}
	if (wanted)
		g_hash_table_unref(wanted);
	g_ptr_array_sort_with_data(cells, cells_compare_pointers, (gpointer)profile);
	return cells;
}

void heap_sum_add(struct heap_sum *sum, const struct cell *cell)
{
	sum->alloc_n += cell->alloc_n;
	sum->inuse_n += cell->inuse_n;
	sum->alloc_objects += cell->alloc_objects;
	sum->alloc_space += cell->alloc_space;
	sum->inuse_objects += cell->inuse_objects;
	sum->inuse_space += cell->inuse_space;
	sum->alloc_objects_var += cell->alloc_objects_var;
	sum->alloc_space_var += cell->alloc_space_var;
	sum->inuse_objects_var += cell->inuse_objects_var;
	sum->inuse_space_var += cell->inuse_space_var;
}

bool heap_sum_is_empty(const struct heap_sum *sum)
{
	return !(sum->alloc_objects > 0 || sum->inuse_objects > 0);
}

double heap_half_interval(double variance)
{
	return 1.96 * sqrt(variance);
}

/* Functions that allocate for their caller and are of no interest as a site. */
static bool heap_is_helper(const struct function *function)
{
	static const char *const prefixes[] = { "operator new", "std::", "__gnu_cxx::",
						"alloc::alloc::", "alloc::raw_vec::" };

	static const char *const names[] = { "strdup", "__strdup", "strndup", "__strndup" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (!strcmp(function->name, names[i]))
			return true;
	}
	/* a template's return type may come first: "void std::..." */
	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		if (g_str_has_prefix(function->name, prefixes[i]) ||
		    (g_str_has_prefix(function->name, "void ") &&
		     g_str_has_prefix(function->name + 5, prefixes[i])))
			return true;
	}
	return false;
}

struct site heap_site(const struct profile *profile, uint32_t stack)
{
	const struct node *node = profile_node(profile, stack);
	struct site innermost = { node->frame, profile_frame(profile, node->frame)->first_line };

	for (; stack; stack = node->parent) {
		const struct frame *frame;

		node = profile_node(profile, stack);
		frame = profile_frame(profile, node->frame);
		if (frame->kind != FRAME_CODE)
			continue;
		for (uint32_t i = 0; i < frame->n_lines; i++) {
			uint32_t line = frame->first_line + i;
			uint32_t function = profile_line(profile, line)->function;

			if (!heap_is_helper(profile_function(profile, function)))
				return (struct site){ node->frame, line };
		}
	}
	return innermost;
}

static int heap_compare_sites(gconstpointer a, gconstpointer b)
{
	const struct site_sum *x = a, *y = b;

	if (x->sum.alloc_space != y->sum.alloc_space)
		return x->sum.alloc_space > y->sum.alloc_space ? -1 : 1;
	/* equal ones in an order that does not depend on the sort */
	if (x->site.frame != y->site.frame)
		return x->site.frame < y->site.frame ? -1 : 1;
	return x->site.line < y->site.line ? -1 : x->site.line > y->site.line;
}

/* Calls on one source line are one site; without lines each call is one. */
static gpointer heap_site_key(const struct profile *profile, struct site site)
{
	const struct line *line = profile_line(profile, site.line);

	if (line->line)
		return GSIZE_TO_POINTER((uint64_t)line->function << 32 | line->line);
	return GSIZE_TO_POINTER((uint64_t)site.frame << 32);
}

GArray *heap_sites(const struct profile *profile, const GPtrArray *cells, size_t from, size_t to)
{
	GHashTable *index = g_hash_table_new(cells_hash_key, g_direct_equal);
	GArray *sums = g_array_new(FALSE, TRUE, sizeof(struct site_sum));

	for (size_t i = from; i < to; i++) {
		const struct cell *cell = g_ptr_array_index(cells, i);
		struct heap_sum one = { 0 };
		struct site_sum sum = { 0 };
		gpointer key, slot;

		heap_sum_add(&one, cell);
		if (heap_sum_is_empty(&one))
			continue;
		sum.site = heap_site(profile, cell->stack);
		key = heap_site_key(profile, sum.site);
		slot = g_hash_table_lookup(index, key); /* place + 1 */
		if (!slot) {
			g_array_append_val(sums, sum);
			slot = GSIZE_TO_POINTER(sums->len);
			g_hash_table_insert(index, key, slot);
		}
		heap_sum_add(&g_array_index(sums, struct site_sum, GPOINTER_TO_SIZE(slot) - 1).sum,
			     cell);
	}
	g_hash_table_unref(index);
	g_array_sort(sums, heap_compare_sites);
	return sums;
}
