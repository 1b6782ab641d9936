/* SPDX-License-Identifier: Apache-2.0
 *
 * dwarf_inline.c - walks over DIE trees, each DIE once, the depth limited: a
 * file can claim any tree.  Runs in the child process.
 */
#include "dwarf_inline.h"

#include <dwarf.h>

/* Deeper than any compiler nests scopes. */
#define DWARF_DEPTH_MAX 512

/* Ranges that overlap without nesting are a producer's bug; looking back this
 * far finds the right one in what linkers make of it. */
#define DWARF_LOOK_BACK 64

void dwarf_add_ranges(GArray *ranges, Dwarf_Die *die, uint32_t item, uint32_t depth)
{
	struct dwarf_range r = { .depth = depth, .item = item };
	Dwarf_Addr base = 0, low, high;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		if (!low || low >= high)
			continue;
		r.low = low;
		r.high = high;
		g_array_append_val(ranges, r);
	}
}

static gint dwarf_compare_ranges(gconstpointer a, gconstpointer b)
{
	const struct dwarf_range *x = a, *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->high != y->high)
		return x->high > y->high ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

void dwarf_sort_ranges(GArray *ranges)
{
	g_array_sort(ranges, dwarf_compare_ranges);
}

static guint dwarf_upper(const GArray *ranges, uint64_t address)
{
	guint low = 0, high = ranges->len, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (g_array_index(ranges, struct dwarf_range, middle).low <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct dwarf_range *dwarf_next_range(const GArray *ranges, uint64_t address, guint *at)
{
	const struct dwarf_range *r;
	guint i = *at == G_MAXUINT ? dwarf_upper(ranges, address) : *at;

	for (unsigned steps = 0; i > 0 && steps < DWARF_LOOK_BACK; steps++) {
		r = &g_array_index(ranges, struct dwarf_range, --i);
		if (address < r->high) {
			*at = i;
			return r;
		}
	}
	*at = 0;
	return NULL;
}

struct function_walk {
	GArray *dies, *ranges;
	bool nested;
};

static void walk_functions(struct function_walk *w, Dwarf_Die *parent, unsigned depth);

static void walk_function(struct function_walk *w, Dwarf_Die *die, unsigned depth)
{
	guint before = w->ranges->len;

	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		dwarf_add_ranges(w->ranges, die, w->dies->len, 0);
		if (w->ranges->len > before)
			g_array_append_val(w->dies, *die);
		if (w->nested)
			walk_functions(w, die, depth + 1);
		break;
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
		if (!w->nested)
			break;
		/* fall through */
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type: /* Rust: methods of an enum */
		walk_functions(w, die, depth + 1);
		break;
	default: break;
	}
}

static void walk_functions(struct function_walk *w, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;

	if (depth > DWARF_DEPTH_MAX || dwarf_child(parent, &die))
		return;
	do
		walk_function(w, &die, depth);
	while (!dwarf_siblingof(&die, &die));
}

void dwarf_add_functions(GArray *dies, GArray *ranges, Dwarf_Die *root, bool nested)
{
	struct function_walk w = { dies, ranges, nested };

	walk_functions(&w, root, 0);
}

struct inline_walk {
	GArray *calls, *ranges;
};

/* The DIE that describes a function or call without its code; itself if none. */
static Dwarf_Die die_origin(Dwarf_Die *die)
{
	Dwarf_Attribute mem;
	Dwarf_Die origin;

	return dwarf_formref_die(dwarf_attr(die, DW_AT_abstract_origin, &mem), &origin) ? origin
											: *die;
}

static Dwarf_Word die_number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute mem;
	Dwarf_Word value;

	return dwarf_formudata(dwarf_attr_integrate(die, name, &mem), &value) ? 0 : value;
}

/* GCC splits the unlikely part off a function and may put it back where it was:
 * that looks like the function inlined into itself, called from the line where
 * it is declared.  A function that really calls itself does so further down. */
static bool call_is_own_part(Dwarf_Die *call, Dwarf_Die *around)
{
	Dwarf_Die origin = die_origin(call), own = die_origin(around);
	Dwarf_Word line = die_number(call, DW_AT_call_line);

	return origin.addr == own.addr && line && line == die_number(&own, DW_AT_decl_line) &&
	       die_number(call, DW_AT_call_file) == die_number(&own, DW_AT_decl_file) &&
	       die_number(call, DW_AT_call_column) == die_number(&own, DW_AT_decl_column);
}

/* around is the function or call around these DIEs, parent its index, level how
 * many calls there are. */
static void walk_inlined(struct inline_walk *w, Dwarf_Die *scope, Dwarf_Die *around,
			 uint32_t parent, uint32_t level, unsigned depth)
{
	struct dwarf_inlined call = { .parent = parent };
	uint32_t index;

	if (depth > DWARF_DEPTH_MAX || dwarf_child(scope, &call.die))
		return;
	do {
		switch (dwarf_tag(&call.die)) {
		case DW_TAG_inlined_subroutine:
			if (call_is_own_part(&call.die, around)) {
				walk_inlined(w, &call.die, around, parent, level, depth + 1);
				break;
			}
			index = w->calls->len;
			g_array_append_val(w->calls, call);
			dwarf_add_ranges(w->ranges, &call.die, index, level + 1);
			walk_inlined(w, &call.die, &call.die, index, level + 1, depth + 1);
			break;
		case DW_TAG_lexical_block:
		case DW_TAG_try_block:
		case DW_TAG_catch_block:
			walk_inlined(w, &call.die, around, parent, level, depth + 1);
			break;
		default: break;
		}
	} while (!dwarf_siblingof(&call.die, &call.die));
}

void dwarf_add_inlined(GArray *calls, GArray *ranges, Dwarf_Die *function)
{
	struct inline_walk w = { calls, ranges };

	walk_inlined(&w, function, function, UINT32_MAX, 0, 0);
}
