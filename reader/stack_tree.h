/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_tree.h - the stacks of some cells as one tree, walked once: what a
 * section of the report sums over stacks, it sums over nodes, so that its time
 * grows with distinct stacks and not with their number times their depth.
 */
#ifndef PROF_STACK_TREE_H
#define PROF_STACK_TREE_H

#include "profile.h"

struct stack_sum {
	double value; /* in the tree's metric */
	uint64_t n;   /* samples it rests on */
	/* Of a heap estimate (samples of CPU are counted): see interval_of_sum(). */
	double var, mean;
	struct cell_slack slack; /* of cpu */
};

void stack_sum_add(struct stack_sum *sum, struct stack_sum more);
/* Takes back what was added before. */
void stack_sum_take(struct stack_sum *sum, struct stack_sum less);

struct stack_tree {
	const struct profile *profile;
	enum metric metric;
	struct stack_sum *sums; /* by node: of the stacks that end at it or below; 0: of all */
	uint32_t *first_child, *next_sibling; /* by node; 0: none, first_child[0]: outermost */
};

/* What a cell counts for in a metric. */
struct stack_sum stack_sum_of_cell(const struct profile *profile, const struct cell *cell,
				   enum metric metric);

/* cells: const struct cell *; those without a value in metric are left out. */
struct stack_tree *stack_tree_new(const struct profile *profile, const GPtrArray *cells,
				  enum metric metric);
void stack_tree_free(struct stack_tree *tree);

/* Calls enter for each node with a value, before the nodes below it, and leave
 * after them. */
typedef void stack_visit_fn(void *arg, uint32_t node, struct stack_sum sum);
void stack_tree_walk(const struct stack_tree *tree, stack_visit_fn *enter, stack_visit_fn *leave,
		     void *arg);

#endif
