/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_tree.c - sums by node and the walk over them.  A node's callers have
 * smaller ids, so one pass downwards over the ids sums every node before it is
 * added to its caller.  Called by the report's sections.
 */
#include "stack_tree.h"

struct stack_sum stack_sum_of_cell(const struct profile *profile, const struct cell *cell,
				   enum metric metric)
{
	struct stack_sum sum = { .value = cell_value(cell, metric), .n = cell->samples };

	switch (metric) {
	case METRIC_CPU: sum.slack = cell_kernel_slack(profile, cell); return sum;
	case METRIC_ALLOC_OBJECTS: sum.var = cell->alloc_objects_var; break;
	case METRIC_ALLOC_SPACE: sum.var = cell->alloc_space_var; break;
	case METRIC_INUSE_OBJECTS: sum.var = cell->inuse_objects_var; break;
	case METRIC_INUSE_SPACE: sum.var = cell->inuse_space_var; break;
	default: return sum;
	}
	sum.n = metric == METRIC_ALLOC_OBJECTS || metric == METRIC_ALLOC_SPACE ? cell->alloc_n
									       : cell->inuse_n;
	sum.mean = cell->heap_mean;
	return sum;
}

void stack_sum_add(struct stack_sum *sum, struct stack_sum more)
{
	sum->value += more.value;
	sum->n += more.n;
	sum->var += more.var;
	sum->mean = MAX(sum->mean, more.mean);
	sum->slack.below += more.slack.below;
	sum->slack.above += more.slack.above;
}

void stack_sum_take(struct stack_sum *sum, struct stack_sum less)
{
	sum->value -= less.value;
	sum->n -= less.n;
	sum->var -= less.var;
	sum->slack.below -= less.slack.below;
	sum->slack.above -= less.slack.above;
}

struct stack_tree *stack_tree_new(const struct profile *profile, const GPtrArray *cells,
				  enum metric metric)
{
	struct stack_tree *tree = g_new0(struct stack_tree, 1);
	guint n = profile->nodes->len;

	tree->profile = profile;
	tree->metric = metric;
	tree->sums = g_new0(struct stack_sum, n);
	tree->first_child = g_new0(uint32_t, n);
	tree->next_sibling = g_new0(uint32_t, n);
	for (guint i = 0; i < cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(cells, i);
		struct stack_sum sum = stack_sum_of_cell(profile, cell, metric);

		if (sum.value > 0)
			stack_sum_add(&tree->sums[cell->stack], sum);
	}
	for (guint i = n; i-- > 1;) {
		uint32_t parent = profile_node(profile, i)->parent;

		if (!(tree->sums[i].value > 0))
			continue;
		stack_sum_add(&tree->sums[parent], tree->sums[i]);
		tree->next_sibling[i] = tree->first_child[parent];
		tree->first_child[parent] = i;
	}
	return tree;
}

void stack_tree_walk(const struct stack_tree *tree, stack_visit_fn *enter, stack_visit_fn *leave,
		     void *arg)
{
	uint32_t node = tree->first_child[0];

	while (node) {
		enter(arg, node, tree->sums[node]);
		if (tree->first_child[node]) {
			node = tree->first_child[node];
			continue;
		}
		leave(arg, node, tree->sums[node]);
		while (node && !tree->next_sibling[node]) {
			node = profile_node(tree->profile, node)->parent;
			if (node)
				leave(arg, node, tree->sums[node]);
		}
		node = tree->next_sibling[node];
	}
}

void stack_tree_free(struct stack_tree *tree)
{
	g_free(tree->sums);
	g_free(tree->first_child);
	g_free(tree->next_sibling);
	g_free(tree);
}
