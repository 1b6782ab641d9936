/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_names.c - symbol tables read once, sorted once, made into disjoint spans
 * so that each look-up is one binary search whatever the file claims about
 * its symbols.  Runs in the child process.
 */
#include "elf_names.h"

#include <string.h>

enum symbol_rank { RANK_VERSION = 1, RANK_BINDING = 2, RANK_LABEL = 16 };

struct code_range {
	uint64_t start, end;
};

void elf_names_init(struct elf_names *names)
{
	names->symbols = g_array_new(FALSE, FALSE, sizeof(struct elf_symbol));
	names->labels = g_array_new(FALSE, FALSE, sizeof(struct elf_symbol));
	names->spans = g_array_new(FALSE, FALSE, sizeof(struct elf_symbol));
}

/* Executable sections; without section headers, executable segments.  Debug
 * files keep the headers of sections whose bytes they lack. */
static GArray *elf_code_ranges(Elf *elf)
{
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct code_range));
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	GElf_Phdr phdr;
	struct code_range r;
	size_t n = 0;

	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &shdr) || !(shdr.sh_flags & SHF_EXECINSTR))
			continue;
		r = (struct code_range){ shdr.sh_addr, shdr.sh_addr + shdr.sh_size };
		if (r.start < r.end)
			g_array_append_val(ranges, r);
	}
	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n && !ranges->len; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_LOAD ||
		    !(phdr.p_flags & PF_X))
			continue;
		r = (struct code_range){ phdr.p_vaddr, phdr.p_vaddr + phdr.p_filesz };
		if (r.start < r.end)
			g_array_append_val(ranges, r);
	}
	return ranges;
}

/* The end of the code range around address, 0 when there is none. */
static uint64_t elf_code_end(const GArray *ranges, uint64_t address)
{
	const struct code_range *r;

	for (guint i = 0; i < ranges->len; i++) {
		r = &g_array_index(ranges, struct code_range, i);
		if (address >= r->start && address < r->end)
			return r->end;
	}
	return 0;
}

/* False for what names no code. */
static bool elf_symbol_rank(const GElf_Sym *sym, const char *name, uint8_t *rank)
{
	unsigned type = GELF_ST_TYPE(sym->st_info), binding = GELF_ST_BIND(sym->st_info);

	if (sym->st_shndx == SHN_UNDEF || !*name || *name == '$' || !strncmp(name, ".L", 2))
		return false;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return false;
	*rank = type == STT_NOTYPE ? RANK_LABEL : 0;
	*rank += RANK_BINDING * (binding == STB_LOCAL ? 2 : binding == STB_WEAK ? 1 : 0);
	*rank += strchr(name, '@') ? RANK_VERSION : 0;
	return true;
}

static void elf_add_symbol(struct elf_names *names, const GArray *code, const GElf_Sym *sym,
			   const char *name)
{
	struct elf_symbol s = { .start = sym->st_value, .name = name, .from = sym->st_value };
	uint64_t end = elf_code_end(code, s.start);

	if (!end || !elf_symbol_rank(sym, name, &s.rank))
		return;
	s.end = sym->st_size < end - s.start ? s.start + sym->st_size : end;
	if (sym->st_size)
		g_array_append_val(names->symbols, s);
	else {
		s.end = end;
		g_array_append_val(names->labels, s);
	}
}

static size_t elf_add_table(struct elf_names *names, Elf *elf, const GArray *code, Elf_Scn *scn,
			    const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = data && shdr->sh_entsize ? data->d_size / shdr->sh_entsize : 0;
	guint before = names->symbols->len + names->labels->len;
	GElf_Sym sym;
	const char *name;

	for (size_t i = 1; i < n && i < G_MAXINT; i++) {
		if (!gelf_getsym(data, (int)i, &sym))
			break;
		name = elf_strptr(elf, shdr->sh_link, sym.st_name);
		if (name)
			elf_add_symbol(names, code, &sym, name);
	}
	return names->symbols->len + names->labels->len - before;
}

size_t elf_names_add(struct elf_names *names, Elf *elf, GElf_Word type)
{
	GArray *code = elf_code_ranges(elf);
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	size_t n = 0;

	while ((scn = elf_nextscn(elf, scn))) {
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == type)
			n += elf_add_table(names, elf, code, scn, &shdr);
	}
	g_array_free(code, TRUE);
	return n;
}

static int elf_compare_names(const struct elf_symbol *a, const struct elf_symbol *b)
{
	size_t la, lb;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if ((*a->name == '_') != (*b->name == '_'))
		return *a->name == '_' ? 1 : -1;
	la = strlen(a->name);
	lb = strlen(b->name);
	return la != lb ? (la < lb ? -1 : 1) : strcmp(a->name, b->name);
}

/* By start, the longer first, so that inner symbols come after outer ones;
 * aliases with the best name first. */
static gint elf_compare_symbols(gconstpointer a, gconstpointer b)
{
	const struct elf_symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return elf_compare_names(x, y);
}

static void elf_put_span(GArray *spans, const struct elf_symbol *symbol, uint64_t *at, uint64_t to)
{
	struct elf_symbol span = *symbol;

	span.start = *at > symbol->start ? *at : symbol->start;
	span.end = to < symbol->end ? to : symbol->end;
	if (span.start >= span.end)
		return;
	g_array_append_val(spans, span);
	*at = span.end;
}

/* Closes what lies on the stack of open symbols and ends at or before to; the
 * one that started last is on top and owns the bytes. */
static void elf_close_spans(GArray *spans, GPtrArray *open, uint64_t *at, uint64_t to)
{
	const struct elf_symbol *top;

	while (open->len) {
		top = g_ptr_array_index(open, open->len - 1);
		elf_put_span(spans, top, at, to);
		if (top->end > to)
			return;
		g_ptr_array_set_size(open, (gint)open->len - 1);
	}
}

static void elf_make_spans(struct elf_names *names)
{
	GPtrArray *open = g_ptr_array_new();
	struct elf_symbol *s, *last = NULL;
	uint64_t at = 0;

	for (guint i = 0; i < names->symbols->len; i++) {
		s = &g_array_index(names->symbols, struct elf_symbol, i);
		if (last && last->start == s->start && last->end == s->end)
			continue;
		elf_close_spans(names->spans, open, &at, s->start);
		g_ptr_array_add(open, s);
		last = s;
	}
	elf_close_spans(names->spans, open, &at, UINT64_MAX);
	g_ptr_array_free(open, TRUE);
}

/* The first element of a sorted array that starts above address. */
static guint elf_upper(const GArray *symbols, uint64_t address)
{
	guint low = 0, high = symbols->len, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (g_array_index(symbols, struct elf_symbol, middle).start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint64_t elf_lower_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Gives each label its end and keeps the best of those at one address. */
static void elf_end_labels(struct elf_names *names, const struct eh_bounds *bounds)
{
	GArray *kept = g_array_new(FALSE, FALSE, sizeof(struct elf_symbol));
	struct elf_symbol *label;
	struct eh_range fde;
	guint n = names->labels->len, next;

	for (guint i = 0; i < n; i = next) {
		label = &g_array_index(names->labels, struct elf_symbol, i);
		for (next = i + 1; next < n; next++) {
			if (label[next - i].start != label->start)
				break;
		}
		if (next < n)
			label->end = elf_lower_of(label->end, label[next - i].start);
		if (eh_bounds_find(bounds, label->start, &fde))
			label->end = elf_lower_of(label->end, fde.end);
		else
			label->end = elf_lower_of(label->end, eh_bounds_next(bounds, label->start));
		g_array_append_val(kept, *label);
	}
	g_array_free(names->labels, TRUE);
	names->labels = kept;
}

static gint elf_compare_labels(gconstpointer a, gconstpointer b)
{
	const struct elf_symbol *x = a, *y = b;

	return x->start != y->start ? (x->start < y->start ? -1 : 1) : elf_compare_names(x, y);
}

void elf_names_finish(struct elf_names *names, const struct eh_bounds *bounds)
{
	g_array_sort(names->symbols, elf_compare_symbols);
	elf_make_spans(names);
	g_array_sort(names->labels, elf_compare_labels);
	elf_end_labels(names, bounds);
}

static const struct elf_symbol *elf_find_in(const GArray *symbols, uint64_t address)
{
	guint i = elf_upper(symbols, address);
	const struct elf_symbol *s;

	if (!i)
		return NULL;
	s = &g_array_index(symbols, struct elf_symbol, i - 1);
	return address < s->end ? s : NULL;
}

const struct elf_symbol *elf_names_find(const struct elf_names *names, uint64_t address)
{
	return elf_find_in(names->spans, address);
}

const struct elf_symbol *elf_names_find_label(const struct elf_names *names, uint64_t address)
{
	guint i = elf_upper(names->spans, address);
	const struct elf_symbol *label = elf_find_in(names->labels, address);

	/* A label inside a function is not one; a function that begins between
	 * the label and the address ended it. */
	if (!label || elf_names_find(names, label->start))
		return NULL;
	if (i && g_array_index(names->spans, struct elf_symbol, i - 1).start > label->start)
		return NULL;
	return label;
}
