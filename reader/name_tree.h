/* SPDX-License-Identifier: Apache-2.0
 *
 * name_tree.h - stacks merged by what they are called: a tree of shown names
 * with a value at each place where stacks end.  Two addresses in one function,
 * or one function in two processes, are one node here.  For outputs made of
 * names (out_folded.c); memory grows with distinct names in context.
 */
#ifndef PROF_NAME_TREE_H
#define PROF_NAME_TREE_H

#include "select.h"

struct name_node {
	uint32_t parent, first_child, next_sibling; /* 0: none; node 0 is the root */
	const char *name;			    /* as name_of made it; "" for the root */
	double self;				    /* of stacks that end here */
};

struct name_tree; /* opaque */

/* Merges the rows of a view, under its roots (processes, then threads).
 * name_of turns a shown frame's raw name into the text to merge by, in place. */
struct name_tree *name_tree_new(const struct view *view, void (*name_of)(GString *name));

const struct name_node *name_tree_node(const struct name_tree *tree, uint32_t id);
uint32_t name_tree_size(const struct name_tree *tree);
void name_tree_free(struct name_tree *tree);

#endif
