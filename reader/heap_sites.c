/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_sites.c - sums of heap estimates, and by allocation site.  A stack's site
 * is found through its callers, so all are found in one pass over the nodes.
 */
#include "heap_sites.h"

#include <math.h>
#include <string.h>

#include "interval.h"
#include "keys.h"

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
	sum->mean = MAX(sum->mean, cell->heap_mean);
}

struct heap_sum heap_sum_of_thread(const struct thread *thread)
{
	return (struct heap_sum){
		.alloc_n = thread->alloc_n,
		.inuse_n = thread->inuse_n,
		.alloc_objects = thread->alloc_objects,
		.alloc_space = thread->alloc_space,
		.inuse_objects = thread->inuse_objects,
		.inuse_space = thread->inuse_space,
		.alloc_objects_var = thread->alloc_objects_var,
		.alloc_space_var = thread->alloc_space_var,
		.inuse_objects_var = thread->inuse_objects_var,
		.inuse_space_var = thread->inuse_space_var,
		.mean = thread->heap_mean,
	};
}

double heap_sum_unseen_calls(const struct heap_sum *sum)
{
	double calls = sum->alloc_objects, var = sum->alloc_objects_var, space = sum->alloc_space;
	double seen, size;

	if (!(calls > 0)) { /* allocated before the segments that were read */
		calls = sum->inuse_objects;
		var = sum->inuse_objects_var;
		space = sum->inuse_space;
	}
	if (!(calls > 0) || !(sum->mean > 0))
		return 0;
	/* The second is more only where some samples were drawn by shorter distances, or by the
	 * larger sizes of an allocator's classes. */
	seen = var / calls;
	size = MAX(1, space / calls); /* as heap_weigh has it */
	return MAX(seen, 1 / expm1(size / sum->mean));
}

bool heap_sum_alloc_is_few(const struct heap_sum *sum)
{
	return sum->mean > 0 && interval_is_few(sum->alloc_n);
}

bool heap_sum_inuse_is_few(const struct heap_sum *sum)
{
	return sum->mean > 0 && interval_is_few(sum->inuse_n);
}

bool heap_sum_is_empty(const struct heap_sum *sum)
{
	return !(sum->alloc_objects > 0 || sum->inuse_objects > 0);
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

struct heap_finder {
	const struct profile *profile;
	uint32_t *lines; /* by frame: its innermost line that is no helper's, 0: none */
	uint32_t *nodes; /* by node: the node of its site, 0: all are helpers */
};

/* The innermost line of a frame that is no helper's; 0: all are. */
static uint32_t heap_frame_site(const struct profile *profile, const struct frame *frame,
				const guint8 *helpers)
{
	for (uint32_t i = 0; frame->kind == FRAME_CODE && i < frame->n_lines; i++) {
		uint32_t line = frame->first_line + i;

		if (!helpers[profile_line(profile, line)->function])
			return line;
	}
	return 0;
}

/* A node without a site of its own has its caller's, whose id is smaller. */
struct heap_finder *heap_finder_new(const struct profile *profile, const guint8 *hidden)
{
	struct heap_finder *finder = g_new0(struct heap_finder, 1);
	uint32_t *lines = g_new0(uint32_t, profile->frames->len);
	guint8 *helpers = g_new0(guint8, profile->functions->len);

	finder->profile = profile;
	finder->lines = lines;
	finder->nodes = g_new0(uint32_t, profile->nodes->len);
	for (guint i = 0; i < profile->functions->len; i++)
		helpers[i] = (hidden && hidden[i]) || heap_is_helper(profile_function(profile, i));
	for (guint i = 1; i < profile->frames->len; i++)
		lines[i] = heap_frame_site(profile, profile_frame(profile, i), helpers);
	for (guint i = 1; i < profile->nodes->len; i++) {
		const struct node *node = profile_node(profile, i);

		finder->nodes[i] = lines[node->frame] ? i : finder->nodes[node->parent];
	}
	g_free(helpers);
	return finder;
}

void heap_finder_free(struct heap_finder *finder)
{
	g_free(finder->nodes);
	g_free(finder->lines);
	g_free(finder);
}

static struct site heap_site(const struct heap_finder *finder, uint32_t stack)
{
	uint32_t found = finder->nodes[stack];
	uint32_t frame = profile_node(finder->profile, found ? found : stack)->frame;

	if (found)
		return (struct site){ frame, finder->lines[frame] };
	return (struct site){ frame, profile_frame(finder->profile, frame)->first_line };
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
		return key_pair(line->function, line->line);
	return key_pair(site.frame, 0);
}

GArray *heap_sites(const struct heap_finder *finder, const GPtrArray *cells, size_t from, size_t to)
{
	GHashTable *index = key_table_new(NULL);
	GArray *sums = g_array_new(FALSE, TRUE, sizeof(struct site_sum));

	for (size_t i = from; i < to; i++) {
		const struct cell *cell = g_ptr_array_index(cells, i);
		struct heap_sum one = { 0 };
		struct site_sum sum = { 0 };
		gpointer key, slot;

		heap_sum_add(&one, cell);
		if (heap_sum_is_empty(&one))
			continue;
		sum.site = heap_site(finder, cell->stack);
		key = heap_site_key(finder->profile, sum.site);
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
