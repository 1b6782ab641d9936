/* SPDX-License-Identifier: Apache-2.0
 *
 * out_folded.c - `prof folded`: `frame;frame;frame count`, root first, one line
 * a distinct stack, sorted bytewise, so that every known reader takes it: whole
 * numbers, names of UTF-8 without `;`, control characters, line separators and
 * marks of direction, and no name that ends in a space and digits, which some
 * readers take for a second count.
 */
#include "out.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "format_units.h"
#include "name_tree.h"

/* What comes after a name decides the order of lines as much as the name: a
 * stack that ends there has its count, the stacks below it have `;`. */
struct entry {
	uint32_t node;
	bool below;
	char count[24]; /* " 123" unless below */
};

struct folded {
	FILE *out;
	const struct name_tree *tree;
	GString *path; /* frames above, each with its `;` */
};

/* True for a name that ends in space, digits; *space is where. */
static bool ends_in_number(const GString *name, gsize *space)
{
	gsize i = name->len;

	while (i > 0 && g_ascii_isdigit(name->str[i - 1]))
		i--;
	if (i == name->len || i == 0 || name->str[i - 1] != ' ')
		return false;
	*space = i - 1;
	return true;
}

/* Appends the character at text as it may be shown; returns its bytes in text. */
static gsize folded_character(GString *out, const char *text)
{
	gunichar c = g_utf8_get_char_validated(text, -1);
	gsize n = 1;

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		g_string_append(out, "\xef\xbf\xbd");
	} else if (c == ';') {
		g_string_append_c(out, ':');
	} else {
		n = (gsize)(g_utf8_next_char(text) - text);
		if (format_is_unsafe(c))
			g_string_append_c(out, ' ');
		else
			g_string_append_len(out, text, (gssize)n);
	}
	return n;
}

/* Always UTF-8, and without what ends a line or moves text about. */
static void folded_characters(GString *name)
{
	GString *shown;

	for (gsize i = 0; name->str[i] >= ' ' && name->str[i] < 0x7f && name->str[i] != ';'; i++)
		if (i + 1 == name->len)
			return;
	shown = g_string_sized_new(name->len);
	for (gsize i = 0; i < name->len;)
		i += folded_character(shown, name->str + i);
	g_string_assign(name, shown->str);
	g_string_free(shown, TRUE);
}

static void folded_name(GString *name)
{
	gsize space, keep = 0;

	folded_characters(name);
	while (name->len && name->str[name->len - 1] == ' ')
		g_string_truncate(name, name->len - 1);
	while (name->str[keep] == ' ')
		keep++;
	g_string_erase(name, 0, (gssize)keep);
	if (!name->len)
		g_string_assign(name, "[unknown]");
	if (ends_in_number(name, &space))
		name->str[space] = '_';
}

static const char *entry_tail(const struct entry *e)
{
	return e->below ? ";" : e->count;
}

/* Compares name + tail bytewise without joining them. */
static int entry_compare(const void *a, const void *b, void *data)
{
	const struct name_tree *tree = data;
	const struct entry *x = a, *y = b;
	const char *p = name_tree_node(tree, x->node)->name;
	const char *q = name_tree_node(tree, y->node)->name;
	bool p_tail = false, q_tail = false;

	for (;; p++, q++) {
		if (!*p && !p_tail) {
			p = entry_tail(x);
			p_tail = true;
		}
		if (!*q && !q_tail) {
			q = entry_tail(y);
			q_tail = true;
		}
		if (*p != *q || !*p)
			return (unsigned char)*p - (unsigned char)*q;
	}
}

static void entries_add(const struct name_tree *tree, GArray *entries, uint32_t id)
{
	const struct name_node *node = name_tree_node(tree, id);
	struct entry entry = { .node = id };

	if (node->self >= 0.5) {
		if (node->self < 0x1p53)
			g_snprintf(entry.count, sizeof(entry.count), " %" PRIu64,
				   (uint64_t)round(node->self));
		else
			g_snprintf(entry.count, sizeof(entry.count), " %.0f", round(node->self));
		g_array_append_val(entries, entry);
	}
	if (node->first_child) {
		entry.below = true;
		g_array_append_val(entries, entry);
	}
}

/* The entries below a node, in order. */
static GArray *entries_new(const struct name_tree *tree, uint32_t parent)
{
	GArray *entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	uint32_t id = name_tree_node(tree, parent)->first_child;

	for (; id; id = name_tree_node(tree, id)->next_sibling)
		entries_add(tree, entries, id);
	g_array_sort_with_data(entries, entry_compare, (void *)tree);
	return entries;
}

/* A level of the walk down the tree. */
struct level {
	GArray *entries;
	guint next;
	gsize path_len; /* of the path above it */
};

static void folded_step(struct folded *f, GArray *levels)
{
	struct level *level = &g_array_index(levels, struct level, levels->len - 1), down;
	const struct name_node *node;
	const struct entry *e;

	if (level->next == level->entries->len) {
		g_array_unref(level->entries);
		g_array_set_size(levels, levels->len - 1);
		return;
	}
	e = &g_array_index(level->entries, struct entry, level->next++);
	node = name_tree_node(f->tree, e->node);
	g_string_truncate(f->path, level->path_len);
	if (!e->below) {
		fwrite(f->path->str, 1, f->path->len, f->out);
		fputs(node->name, f->out);
		fputs(e->count, f->out);
		fputc('\n', f->out);
		return;
	}
	g_string_append(f->path, node->name);
	g_string_append_c(f->path, ';');
	down = (struct level){ entries_new(f->tree, e->node), 0, f->path->len };
	g_array_append_val(levels, down);
}

static int folded_write(struct profile *profile, FILE *out, const struct options *options)
{
	struct view *view = view_new(profile, options, options->metric);
	struct name_tree *tree = name_tree_new(view, folded_name);
	GArray *levels = g_array_new(FALSE, FALSE, sizeof(struct level));
	struct folded f = { out, tree, g_string_new(NULL) };
	struct level top = { entries_new(tree, 0), 0, 0 };

	g_array_append_val(levels, top);
	while (levels->len && !ferror(out))
		folded_step(&f, levels);
	for (guint i = 0; i < levels->len; i++)
		g_array_unref(g_array_index(levels, struct level, i).entries);
	g_string_free(f.path, TRUE);
	g_array_unref(levels);
	name_tree_free(tree);
	view_free(view);
	return 0;
}

const struct exporter out_folded = {
	.groups = OPTIONS_SELECT | OPTIONS_SYMBOLS | OPTIONS_OUTPUT | OPTIONS_LINES,
	.write = folded_write,
};
