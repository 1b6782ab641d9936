/* SPDX-License-Identifier: Apache-2.0
 *
 * dwarf_names.c - units by address, functions by unit, inline trees by
 * function, each built on first use.  Units and functions are kept; of inline
 * trees only the last, since addresses come in order.  Runs in the child.
 */
#include "dwarf_names.h"

#include <dwarf.h>
#include <string.h>

#include "dwarf_inline.h"

struct dwarf_unit {
	Dwarf_CU *cu;
	bool loaded;
	bool nested;	   /* functions inside functions were looked for too */
	Dwarf_Die die;	   /* has the line table */
	Dwarf_Die root;	   /* has the functions: of the .dwo file if there is one */
	GArray *functions; /* of Dwarf_Die */
	GArray *ranges;	   /* of struct dwarf_range into functions, sorted */
};

struct dwarf_names {
	GArray *units;	/* of struct dwarf_unit */
	GArray *ranges; /* of struct dwarf_range into units, sorted */

	/* The inline tree of one function. */
	const void *tree_of; /* its DIE's address; NULL: none yet */
	GArray *calls;	     /* of struct dwarf_inlined */
	GArray *call_ranges; /* of struct dwarf_range into calls, in tree order */

	const char *missing; /* a split unit that is not here; NULL: none was missed */
	GHashTable *paths;   /* name in a line table (its address) -> whole path */
	GStringChunk *text;
};

struct dwarf_names *dwarf_names_new(Dwarf *dwarf)
{
	struct dwarf_names *d = g_new0(struct dwarf_names, 1);
	struct dwarf_unit unit = { 0 };
	Dwarf_CU *cu = NULL;

	d->units = g_array_new(FALSE, FALSE, sizeof(struct dwarf_unit));
	d->ranges = g_array_new(FALSE, FALSE, sizeof(struct dwarf_range));
	d->calls = g_array_new(FALSE, FALSE, sizeof(struct dwarf_inlined));
	d->call_ranges = g_array_new(FALSE, FALSE, sizeof(struct dwarf_range));
	d->paths = g_hash_table_new(NULL, NULL);
	d->text = g_string_chunk_new(65536);
	while (!dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit.die, NULL)) {
		int tag = dwarf_tag(&unit.die);

		if (tag != DW_TAG_compile_unit && tag != DW_TAG_skeleton_unit)
			continue;
		unit.cu = cu;
		dwarf_add_ranges(d->ranges, &unit.die, d->units->len, 0);
		g_array_append_val(d->units, unit);
	}
	dwarf_sort_ranges(d->ranges);
	return d;
}

/* The file a unit's functions are in; NULL: the unit is whole. */
static const char *unit_split_name(struct dwarf_unit *u)
{
	Dwarf_Attribute mem, *name = dwarf_attr(&u->die, DW_AT_dwo_name, &mem);

	return dwarf_formstring(name ? name : dwarf_attr(&u->die, DW_AT_GNU_dwo_name, &mem));
}

static void unit_load(struct dwarf_names *d, struct dwarf_unit *u, bool nested)
{
	Dwarf_Die split = { 0 };

	if (u->loaded && (u->nested || !nested))
		return;
	if (!u->loaded) {
		u->functions = g_array_new(FALSE, FALSE, sizeof(Dwarf_Die));
		u->ranges = g_array_new(FALSE, FALSE, sizeof(struct dwarf_range));
		u->root = u->die;
		if (!dwarf_cu_info(u->cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) &&
		    dwarf_tag(&split) == DW_TAG_compile_unit)
			u->root = split;
		else if (!d->missing)
			d->missing = unit_split_name(u);
	}
	g_array_set_size(u->functions, 0);
	g_array_set_size(u->ranges, 0);
	dwarf_add_functions(u->functions, u->ranges, &u->root, nested);
	dwarf_sort_ranges(u->ranges);
	u->loaded = true;
	u->nested = nested;
}

static const char *die_linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute mem, *attr = dwarf_attr_integrate(die, DW_AT_linkage_name, &mem);

	if (!attr)
		attr = dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &mem);
	return attr ? dwarf_formstring(attr) : NULL;
}

static bool die_is_called(Dwarf_Die *die, const char *name)
{
	const char *own = die_linkage_name(die);

	size_t i = 0;

	own = own ? own : dwarf_diename(die);
	if (!own)
		return false;
	/* C1 and C2, D1 and D2 are constructors and destructors of one body. */
	while (own[i] == name[i] || (i && (own[i - 1] == 'C' || own[i - 1] == 'D') &&
				     g_ascii_isdigit(own[i]) && g_ascii_isdigit(name[i]))) {
		if (!own[i++])
			return true;
	}
	return false;
}

/* The function at address: of those that a linker folded into one, which have the
 * same bytes, the one that is called name.  *sure: it is, or name is NULL. */
static Dwarf_Die *unit_find_function(struct dwarf_names *d, struct dwarf_unit *u, uint64_t address,
				     const char *name, bool *sure)
{
	const struct dwarf_range *first, *r;
	guint at = G_MAXUINT;
	Dwarf_Die *die;

	unit_load(d, u, false);
	r = dwarf_next_range(u->ranges, address, &at);
	if (!r && !u->nested) {
		at = G_MAXUINT;
		unit_load(d, u, true);
		r = dwarf_next_range(u->ranges, address, &at);
	}
	first = r;
	for (*sure = false; r && r->low == first->low && r->high == first->high;
	     r = dwarf_next_range(u->ranges, address, &at)) {
		die = &g_array_index(u->functions, Dwarf_Die, r->item);
		*sure = !name || die_is_called(die, name);
		if (*sure)
			return die;
	}
	return first ? &g_array_index(u->functions, Dwarf_Die, first->item) : NULL;
}

/* The unit at address, and in it the function if there is one: of units that
 * claim the same bytes the one that has a function there, called name if any is. */
static struct dwarf_unit *names_find_unit(struct dwarf_names *d, uint64_t address, const char *name,
					  Dwarf_Die **function)
{
	struct dwarf_unit *found = NULL, *u;
	const struct dwarf_range *r;
	guint at = G_MAXUINT;
	Dwarf_Die *die;
	bool sure;

	*function = NULL;
	while ((r = dwarf_next_range(d->ranges, address, &at))) {
		u = &g_array_index(d->units, struct dwarf_unit, r->item);
		die = unit_find_function(d, u, address, name, &sure);
		if (!found || sure || (die && !*function)) {
			found = u;
			*function = die;
		}
		if (sure)
			break;
	}
	return found;
}

static void frame_set_names(struct dwarf_frame *f, Dwarf_Die *die)
{
	f->linkage_name = die_linkage_name(die);
	f->name = dwarf_diename(die);
}

/* True when a and b begin with the same component. */
static bool path_same_root(const char *a, const char *b)
{
	size_t n = strcspn(a, "/");

	return n == strcspn(b, "/") && !strncmp(a, b, n);
}

/* file, below the unit's directory when it is relative.  A relative directory is
 * the work of -ffile-prefix-map: a file that begins as it does was mapped as
 * well, and stays. */
static const char *unit_path(struct dwarf_names *d, struct dwarf_unit *u, const char *file)
{
	Dwarf_Attribute mem;
	const char *dir, *path;
	char *joined;

	if (!file || *file == '/')
		return file;
	path = g_hash_table_lookup(d->paths, file);
	if (path)
		return path;
	path = file;
	dir = dwarf_formstring(dwarf_attr(&u->die, DW_AT_comp_dir, &mem));
	if (dir && *dir && (*dir == '/' || !path_same_root(dir, file))) {
		joined =
			g_build_filename(dir, g_str_has_prefix(file, "./") ? file + 2 : file, NULL);
		path = g_string_chunk_insert(d->text, joined);
		g_free(joined);
	}
	g_hash_table_insert(d->paths, (gpointer)file, (gpointer)path);
	return path;
}

static void frame_set_line(struct dwarf_names *d, struct dwarf_frame *f, struct dwarf_unit *u,
			   uint64_t address)
{
	Dwarf_Line *line = dwarf_getsrc_die(&u->die, address);
	int number = 0;

	if (!line)
		return;
	f->file = unit_path(d, u, dwarf_linesrc(line, NULL, NULL));
	if (!dwarf_lineno(line, &number) && number > 0)
		f->line = (uint32_t)number;
}

/* Where the call was that is inlined at die: goes to the frame around it. */
static void frame_set_call(struct dwarf_names *d, struct dwarf_frame *f, struct dwarf_unit *u,
			   Dwarf_Die *die)
{
	Dwarf_Attribute mem;
	Dwarf_Files *files;
	Dwarf_Word value;
	size_t n;

	if (!dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &mem), &value) && value <= UINT32_MAX)
		f->line = (uint32_t)value;
	if (!dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &mem), &value) &&
	    (!dwarf_getsrcfiles(&u->root, &files, &n) || !dwarf_getsrcfiles(&u->die, &files, &n)) &&
	    value < n)
		f->file = unit_path(d, u, dwarf_filesrc(files, value, NULL, NULL));
}

/* The innermost inlined call at address: UINT32_MAX is none. */
static uint32_t names_find_call(struct dwarf_names *d, Dwarf_Die *function, uint64_t address)
{
	uint32_t best = UINT32_MAX, depth = 0;
	const struct dwarf_range *r;

	if (d->tree_of != function->addr) {
		g_array_set_size(d->calls, 0);
		g_array_set_size(d->call_ranges, 0);
		dwarf_add_inlined(d->calls, d->call_ranges, function);
		d->tree_of = function->addr;
	}
	for (guint i = 0; i < d->call_ranges->len; i++) {
		r = &g_array_index(d->call_ranges, struct dwarf_range, i);
		if (address >= r->low && address < r->high && r->depth > depth) {
			best = r->item;
			depth = r->depth;
		}
	}
	return best;
}

/* Where a function is entered.  One in several parts may not say: its first
 * range is then the part that has the entry. */
static bool function_entry(Dwarf_Die *function, uint64_t *start)
{
	Dwarf_Addr entry, base = 0, high;

	if (dwarf_entrypc(function, &entry) && dwarf_lowpc(function, &entry) &&
	    dwarf_ranges(function, 0, &base, &entry, &high) <= 0)
		return false;
	*start = entry;
	return true;
}

bool dwarf_names_find(struct dwarf_names *d, uint64_t address, const char *symbol, GArray *frames,
		      uint64_t *start)
{
	Dwarf_Die *function;
	struct dwarf_unit *u = names_find_unit(d, address, symbol, &function);
	struct dwarf_inlined *call;
	struct dwarf_frame f = { 0 };
	uint32_t i;

	if (!u)
		return false;
	frame_set_line(d, &f, u, address);
	if (!function) {
		if (f.file || f.line)
			g_array_append_val(frames, f);
		return false;
	}
	for (i = names_find_call(d, function, address); i != UINT32_MAX; i = call->parent) {
		call = &g_array_index(d->calls, struct dwarf_inlined, i);
		frame_set_names(&f, &call->die);
		g_array_append_val(frames, f);
		f = (struct dwarf_frame){ 0 };
		frame_set_call(d, &f, u, &call->die);
	}
	frame_set_names(&f, function);
	g_array_append_val(frames, f);
	return function_entry(function, start);
}

const char *dwarf_names_missing(const struct dwarf_names *d)
{
	return d->missing;
}

void dwarf_names_free(struct dwarf_names *d)
{
	struct dwarf_unit *u;

	for (guint i = 0; i < d->units->len; i++) {
		u = &g_array_index(d->units, struct dwarf_unit, i);
		if (u->loaded) {
			g_array_free(u->functions, TRUE);
			g_array_free(u->ranges, TRUE);
		}
	}
	g_array_free(d->units, TRUE);
	g_array_free(d->ranges, TRUE);
	g_array_free(d->calls, TRUE);
	g_array_free(d->call_ranges, TRUE);
	g_hash_table_destroy(d->paths);
	g_string_chunk_free(d->text);
	g_free(d);
}
