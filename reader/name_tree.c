/* SPDX-License-Identifier: Apache-2.0
 *
 * name_tree.c - each node of the model's tree is looked up once for each root
 * it appears under; its place in the tree of names is remembered.
 */
#include "name_tree.h"

#include "id_table.h"
#include "keys.h"

#define AHEAD 16u /* rows between asking for a stack's memory and using it */

struct name_tree {
	const struct view *view;
	void (*name_of)(GString *name);
	GArray *nodes;		   /* struct name_node */
	struct id_table children;  /* distinct in parent, name */
	GHashTable *names;	   /* text -> id, its keys own the texts */
	GPtrArray *name_texts;	   /* by id, borrowed from names */
	uint32_t *line_names;	   /* name ids by function, by line under --lines; 0: not made */
	uint32_t *frame_names;	   /* name ids by frame, where one line is all; 0: not known */
	struct node_place *places; /* by model node: under the current root */
	uint32_t epoch;
};

struct node_place {
	uint32_t place;
	uint32_t epoch; /* place is valid while this is the tree's */
};

static uint32_t tree_name(struct name_tree *tree, GString *text)
{
	gpointer id;
	char *copy;

	tree->name_of(text);
	id = g_hash_table_lookup(tree->names, text->str);
	if (id)
		return GPOINTER_TO_UINT(id);
	copy = g_strdup(text->str);
	g_ptr_array_add(tree->name_texts, copy);
	g_hash_table_insert(tree->names, copy, GUINT_TO_POINTER(tree->name_texts->len - 1));
	return tree->name_texts->len - 1;
}

static uint32_t tree_child(struct name_tree *tree, uint32_t parent, uint32_t name)
{
	uint32_t hash = id_hash((uint64_t)parent << 32 | name, 0), at, id = 0;
	struct name_node *above = &g_array_index(tree->nodes, struct name_node, parent), *known;
	struct name_node node = { .parent = parent, .next_sibling = above->first_child };

	node.name = g_ptr_array_index(tree->name_texts, name);
	if (above->first_child) /* else there is nothing to find */
		id = id_table_first(&tree->children, hash, &at);
	for (; id; id = id_table_next(&tree->children, hash, &at)) {
		known = &g_array_index(tree->nodes, struct name_node, id);
		if (known->parent == parent && known->name == node.name)
			return id;
	}
	id = tree->nodes->len;
	above->first_child = id;
	g_array_append_val(tree->nodes, node);
	id_table_add(&tree->children, hash, id);
	return id;
}

/* The name of a line: made and cleaned once. */
static uint32_t tree_line_name(struct name_tree *tree, uint32_t line)
{
	const struct view *view = tree->view;
	/* Without file and line all lines of a function have one name. */
	uint32_t key = view->lines ? line : profile_line(view->profile, line)->function;
	GString *text;

	if (tree->line_names[key])
		return tree->line_names[key];
	text = g_string_new(NULL);
	view_line_name(view, line, text);
	tree->line_names[key] = tree_name(tree, text);
	g_string_free(text, TRUE);
	return tree->line_names[key];
}

/* The place of one more frame below a place. */
static uint32_t tree_push(struct name_tree *tree, uint32_t place, uint32_t frame)
{
	const struct view *view = tree->view;
	const struct frame *f;
	uint32_t name;

	if (tree->frame_names[frame])
		return tree_child(tree, place, tree->frame_names[frame]);
	f = profile_frame(view->profile, frame);
	for (uint32_t i = f->n_lines; i-- > 0;) {
		uint32_t line = f->first_line + i;

		if (view->hidden && view->hidden[profile_line(view->profile, line)->function])
			continue;
		name = tree_line_name(tree, line);
		if (f->n_lines == 1)
			tree->frame_names[frame] = name;
		place = tree_child(tree, place, name);
	}
	return place;
}

/* A row is about to be needed: its stack. */
static void tree_prefetch_stack(const struct name_tree *tree, guint row)
{
	const GArray *rows = tree->view->rows;
	uint32_t stack;

	if (row >= rows->len)
		return;
	stack = g_array_index(rows, struct view_row, row).stack;
	__builtin_prefetch(&tree->places[stack], 1);
	__builtin_prefetch(profile_node(tree->view->profile, stack));
}

/* Then what its stack leads to: its node in the tree, if it has one, else that of its
 * callers and its frame. */
static void tree_prefetch_place(const struct name_tree *tree, guint row)
{
	const GArray *rows = tree->view->rows;
	const struct node *node;
	uint32_t stack;

	if (row >= rows->len)
		return;
	stack = g_array_index(rows, struct view_row, row).stack;
	if (tree->places[stack].epoch == tree->epoch) {
		__builtin_prefetch(
			&g_array_index(tree->nodes, struct name_node, tree->places[stack].place)
				 .self,
			1);
		return;
	}
	node = profile_node(tree->view->profile, stack);
	__builtin_prefetch(&tree->places[node->parent]);
	__builtin_prefetch(profile_node(tree->view->profile, node->parent));
	__builtin_prefetch(&tree->frame_names[node->frame]);
}

/* The place of a stack under root. */
static uint32_t tree_place(struct name_tree *tree, uint32_t root, uint32_t stack, GArray *path)
{
	const struct profile *p = tree->view->profile;
	uint32_t place = root, node;

	g_array_set_size(path, 0);
	for (; stack && tree->places[stack].epoch != tree->epoch;
	     stack = profile_node(p, stack)->parent)
		g_array_append_val(path, stack);
	if (stack)
		place = tree->places[stack].place;
	for (guint i = path->len; i-- > 0;) {
		node = g_array_index(path, uint32_t, i);
		place = tree_push(tree, place, profile_node(p, node)->frame);
		tree->places[node] = (struct node_place){ place, tree->epoch };
	}
	return place;
}

/* The root for a thread's stacks: process, thread, both or nothing. */
static uint32_t tree_root(struct name_tree *tree, uint32_t thread)
{
	const struct view *view = tree->view;
	GString *text = g_string_new(NULL);
	uint32_t root = 0;

	if (view->processes) {
		view_process_label(view->profile, profile_thread(view->profile, thread)->process,
				   text);
		root = tree_child(tree, root, tree_name(tree, text));
		g_string_truncate(text, 0);
	}
	if (view->threads) {
		view_thread_label(view->profile, thread, text);
		root = tree_child(tree, root, tree_name(tree, text));
	}
	g_string_free(text, TRUE);
	return root;
}

/* Where stacks go that have no frame left to show and no root. */
static uint32_t tree_hidden(struct name_tree *tree)
{
	GString *text = g_string_new("[hidden]");
	uint32_t place = tree_child(tree, 0, tree_name(tree, text));

	g_string_free(text, TRUE);
	return place;
}

struct name_tree *name_tree_new(const struct view *view, void (*name_of)(GString *name))
{
	struct name_tree *tree = g_new0(struct name_tree, 1);
	GArray *path = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint32_t root = 0, before = UINT32_MAX, place;

	tree->view = view;
	tree->name_of = name_of;
	tree->nodes =
		g_array_sized_new(FALSE, TRUE, sizeof(struct name_node), view->profile->nodes->len);
	g_array_set_size(tree->nodes, 1);
	g_array_index(tree->nodes, struct name_node, 0).name = "";
	id_table_init_for(&tree->children, view->profile->nodes->len);
	tree->names = key_text_table_new(g_free);
	tree->name_texts = g_ptr_array_new();
	g_ptr_array_add(tree->name_texts, NULL);
	tree->line_names = g_new0(uint32_t, view->lines ? view->profile->lines->len
							: view->profile->functions->len);
	tree->frame_names = g_new0(uint32_t, view->profile->frames->len);
	tree->places = g_new0(struct node_place, view->profile->nodes->len);
	tree->epoch = 1;
	for (guint i = 0; i < view->rows->len; i++) {
		const struct view_row *row = &g_array_index(view->rows, struct view_row, i);

		tree_prefetch_stack(tree, i + AHEAD);
		tree_prefetch_place(tree, i + AHEAD / 2);
		if (row->thread != before) { /* rows are ordered by thread */
			before = row->thread;
			place = tree_root(tree, row->thread);
			tree->epoch += place != root;
			root = place;
		}
		place = tree_place(tree, root, row->stack, path);
		if (!place)
			place = tree_hidden(tree);
		g_array_index(tree->nodes, struct name_node, place).self += row->value;
	}
	g_array_unref(path);
	return tree;
}

const struct name_node *name_tree_node(const struct name_tree *tree, uint32_t id)
{
	return &g_array_index(tree->nodes, struct name_node, id);
}

uint32_t name_tree_size(const struct name_tree *tree)
{
	return tree->nodes->len;
}

void name_tree_free(struct name_tree *tree)
{
	if (!tree)
		return;
	g_array_unref(tree->nodes);
	id_table_fini(&tree->children);
	g_free(tree->line_names);
	g_hash_table_unref(tree->names);
	g_ptr_array_unref(tree->name_texts);
	g_free(tree->frame_names);
	g_free(tree->places);
	g_free(tree);
}
