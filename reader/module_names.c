/* SPDX-License-Identifier: Apache-2.0
 *
 * module_names.c - of what symbol tables, PLT, DWARF and unwind tables say
 * about an address, which is believed.  The function that is not inlined takes
 * its name from the first of
 *
 *	a symbol with a size, a PLT entry, the DWARF function, a symbol without
 *	a size, the bounds in .eh_frame, the module
 *
 * and the inlined ones, and all lines, come from DWARF.  Symbols go before
 * DWARF names because they tell clones and overloads apart, and because names
 * are then the same with and without debug information.  Runs in the child.
 */
#include "module_names.h"

#include <elfutils/libdwelf.h>
#include <inttypes.h>
#include <string.h>

#include "demangle.h"
#include "dwarf_names.h"
#include "eh_bounds.h"
#include "elf_files.h"
#include "elf_names.h"
#include "elf_plt.h"
#include "keys.h"
#include "module_advice.h"
#include "prof_format.h"

struct module_names {
	struct elf_files files;
	struct elf_names symbols;
	struct eh_bounds bounds;
	struct elf_plt plt;
	struct dwarf_names *dwarf; /* NULL: none */
	struct symbolize_status status;
	char *label; /* module name in `label!fn_1234` */
	char *fallback;
	GHashTable *demangled; /* symbol -> text */
	GStringChunk *text;
	GArray *chain; /* of struct dwarf_frame, of one address */
};

/* The function that is not inlined, and whether its name is a real one. */
struct module_function {
	const char *name, *system_name;
	uint64_t start;
	bool has_start, named;
};

char *module_names_fallback(const struct symbolize_module *module)
{
	char *base, *name;

	if (module->flags & PROF_MAP_VDSO)
		return g_strdup("[vdso]");
	if (module->flags & PROF_MAP_KERNEL)
		return g_strdup("[kernel]");
	if (module->flags & PROF_MAP_ANON || !module->path || !*module->path)
		return g_strdup("[anon]");
	base = g_path_get_basename(module->path);
	name = *base == '[' ? g_strdup(base) : g_strdup_printf("[%s]", base);
	g_free(base);
	return name;
}

static void module_open_dwarf(struct module_names *m)
{
	Elf *elf = m->files.debug.elf ? m->files.debug.elf : m->files.main.elf;
	Dwarf *dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	struct elf_file alt;
	const char *name;
	const void *id;
	ssize_t n;

	if (!dwarf)
		return;
	n = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id);
	if (n > 0) {
		/* If it is not there libdw looks beside the debug file. */
		alt = elf_files_by_build_id(m->files.options, id, (size_t)n, NULL);
		if (alt.elf)
			dwarf_setalt(dwarf, dwarf_begin_elf(alt.elf, DWARF_C_READ, NULL));
	}
	m->dwarf = dwarf_names_new(dwarf);
	m->status.lines = elf_files_has_dwarf(elf);
}

static void module_open_symbols(struct module_names *m)
{
	Elf *main = m->files.main.elf, *debug = m->files.debug.elf;
	enum symbolize_source source = SYMBOLIZE_SOURCE_NONE;

	elf_names_init(&m->symbols);
	eh_bounds_init(&m->bounds, main);
	if (main && elf_names_add(&m->symbols, main, SHT_DYNSYM))
		source = SYMBOLIZE_SOURCE_DYNSYM;
	if (debug && elf_names_add(&m->symbols, debug, SHT_SYMTAB))
		source = SYMBOLIZE_SOURCE_DEBUG_FILE;
	if (main && elf_names_add(&m->symbols, main, SHT_SYMTAB))
		source = SYMBOLIZE_SOURCE_SYMTAB;
	elf_names_finish(&m->symbols, &m->bounds);
	m->status.source = source;
}

static void module_open(struct module_names *m, const struct symbolize_options *options,
			const struct symbolize_module *module)
{
	elf_files_open(&m->files, options, module);
	m->status.match = m->files.match;
	m->status.file = m->files.main.path;
	m->status.debug_file = m->files.debug.path;
	m->fallback = module_names_fallback(module);
	m->label = module->flags & PROF_MAP_VDSO ? g_strdup(m->fallback)
						 : g_path_get_basename(module->path);
	module_open_symbols(m);
	elf_plt_init(&m->plt, m->files.main.elf, &m->symbols);
	if (!options->no_lines)
		module_open_dwarf(m);
	m->demangled = key_text_table_new(NULL);
	m->text = g_string_chunk_new(65536);
	m->chain = g_array_new(FALSE, FALSE, sizeof(struct dwarf_frame));
}

static const char *module_demangle(struct module_names *m, const char *symbol)
{
	const char *text = g_hash_table_lookup(m->demangled, symbol);
	char *demangled;

	if (text)
		return text;
	demangled = demangle_name(symbol);
	text = demangled ? g_string_chunk_insert(m->text, demangled) : symbol;
	g_free(demangled);
	g_hash_table_insert(m->demangled, (gpointer)symbol, (gpointer)text);
	return text;
}

/* The `.cold` at the end of a name the compiler gives to the unlikely part of
 * a function that it moved away; NULL for other names. */
static const char *module_cold_suffix(const char *name)
{
	const char *cold = g_strrstr(name, ".cold");

	if (!cold || cold == name)
		return NULL;
	return cold[5] == '\0' || (cold[5] == '.' && g_ascii_isdigit(cold[6])) ? cold : NULL;
}

static void function_from_symbol(struct module_names *m, struct module_function *f,
				 const struct elf_symbol *symbol)
{
	const char *version = strchr(symbol->name + 1, '@');
	const char *cold = module_cold_suffix(symbol->name);
	const char *end = cold && (!version || cold < version) ? cold : version;

	f->system_name =
		!end ? symbol->name
		     : g_string_chunk_insert_len(m->text, symbol->name, end - symbol->name);
	f->name = module_demangle(m, f->system_name);
	f->start = symbol->from;
	f->has_start = f->named = true;
}

static bool function_from_plt(struct module_names *m, struct module_function *f, uint64_t address)
{
	char *name;

	if (!m->files.main.elf || !elf_plt_find(&m->plt, address, &name, &f->start))
		return false;
	f->has_start = true;
	f->named = name != NULL;
	if (!name)
		name = g_strdup_printf("%s![plt]", m->label);
	f->name = g_string_chunk_insert_const(m->text, name);
	g_free(name);
	return true;
}

static bool function_from_dwarf(struct module_names *m, struct module_function *f,
				const uint64_t *start)
{
	const struct dwarf_frame *d;

	if (!m->chain->len)
		return false;
	d = &g_array_index(m->chain, struct dwarf_frame, m->chain->len - 1);
	if (!d->linkage_name && !d->name)
		return false;
	f->system_name = d->linkage_name ? d->linkage_name : d->name;
	f->name = d->linkage_name ? module_demangle(m, d->linkage_name) : d->name;
	f->named = true;
	f->has_start = start != NULL;
	f->start = start ? *start : 0;
	return *f->name && *f->system_name;
}

static void function_without_name(struct module_names *m, struct module_function *f,
				  uint64_t address)
{
	struct eh_range range;
	char *name;

	*f = (struct module_function){ .name = m->fallback };
	if (!eh_bounds_find(&m->bounds, address, &range))
		return;
	name = g_strdup_printf("%s!fn_%" PRIx64, m->label, range.start);
	f->name = g_string_chunk_insert_const(m->text, name);
	f->start = range.start;
	f->has_start = true;
	g_free(name);
}

/* symbol: at address, NULL: none; dwarf_start: the entry of the function m->chain
 * ends with, NULL: unknown. */
static void module_find_function(struct module_names *m, uint64_t address,
				 const struct elf_symbol *symbol, const uint64_t *dwarf_start,
				 struct module_function *f)
{
	const struct elf_symbol *whole;

	if (symbol && dwarf_start && module_cold_suffix(symbol->name)) {
		whole = elf_names_find(&m->symbols, *dwarf_start);
		if (whole && whole->from == *dwarf_start)
			symbol = whole;
	}
	if (symbol) {
		function_from_symbol(m, f, symbol);
		return;
	}
	if (function_from_plt(m, f, address) || function_from_dwarf(m, f, dwarf_start))
		return;
	symbol = elf_names_find_label(&m->symbols, address);
	if (symbol)
		function_from_symbol(m, f, symbol);
	else
		function_without_name(m, f, address);
}

static void frame_from_dwarf(struct module_names *m, struct symbolize_frame *f,
			     const struct dwarf_frame *d)
{
	f->system_name = d->linkage_name ? d->linkage_name : d->name;
	f->name = d->linkage_name ? module_demangle(m, d->linkage_name) : d->name;
	if (!f->name || !*f->name) {
		f->name = "[inlined]";
		f->system_name = NULL;
	}
	f->inlined = true;
}

static void module_write_address(struct module_names *m, struct symbolize_writer *w, size_t index,
				 uint64_t address)
{
	struct symbolize_frame frames[SYMBOLIZE_FRAMES_MAX];
	struct symbolize_address a = { .frames = frames };
	struct module_function f = { 0 };
	const struct elf_symbol *symbol = elf_names_find(&m->symbols, address);
	const struct dwarf_frame *d;
	uint64_t start = 0;
	bool known;

	g_array_set_size(m->chain, 0);
	known = m->dwarf &&
		dwarf_names_find(m->dwarf, address, symbol ? symbol->name : NULL, m->chain, &start);
	if (m->chain->len > SYMBOLIZE_FRAMES_MAX)
		g_array_remove_range(m->chain, SYMBOLIZE_FRAMES_MAX / 2,
				     m->chain->len - SYMBOLIZE_FRAMES_MAX);
	module_find_function(m, address, symbol, known ? &start : NULL, &f);
	a.n_frames = m->chain->len ? m->chain->len : 1;
	memset(frames, 0, a.n_frames * sizeof(*frames));
	for (guint i = 0; i < m->chain->len; i++) {
		d = &g_array_index(m->chain, struct dwarf_frame, i);
		frame_from_dwarf(m, &frames[i], d);
		frames[i].file = d->file && *d->file ? d->file : NULL;
		frames[i].line = d->line;
	}
	frames[a.n_frames - 1].name = f.name;
	frames[a.n_frames - 1].system_name = f.system_name;
	frames[a.n_frames - 1].inlined = false;
	a.has_start = f.has_start;
	a.function_start = f.start;
	symbolize_put_address(w, index, &a, f.named);
}

void module_names_write(const struct symbolize_options *options,
			const struct symbolize_module *module, struct symbolize_writer *w)
{
	struct module_names m = { 0 };

	module_open(&m, options, module);
	for (size_t i = 0; i < module->n_addresses; i++)
		module_write_address(&m, w, i, module->addresses[i]);
	m.status.advice =
		module_advice(&m.files, &m.status, m.dwarf ? dwarf_names_missing(m.dwarf) : NULL);
	symbolize_put_end(w, &m.status);
}
