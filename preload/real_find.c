/* SPDX-License-Identifier: Apache-2.0
 *
 * real_find.c - the definition of a function behind ours, read out of the loaded objects
 * themselves.  dlsym would wait for the lock that dlopen holds while constructors run, and
 * one of these may be waiting for the very thread that asks; it would also take away what
 * dlerror has to say.  dl_iterate_phdr takes a lock that is only ever held shortly.
 * And the end of definitions of ours that nothing is behind.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "guard.h"
#include "maps.h"
#include "real.h"
#include "sys.h"

/* dl_iterate_phdr is libc's: another's, a sanitizer's above all, may not be ready for calls. */
static bool loader_answers;

struct search {
	const char *name;
	bool behind; /* our own object has been passed */
	void *found;
	bool with_malloc;
};

/* What the loader has of an object's dynamic section. */
struct symbols {
	uint64_t base;
	const Elf64_Sym *table;
	const char *names;
	const uint32_t *gnu_hash, *hash;
};

static bool is_in(const struct dl_phdr_info *info, const void *p)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const Elf64_Phdr *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD &&
		    (uint64_t)(uintptr_t)p - info->dlpi_addr - ph->p_vaddr < ph->p_memsz)
			return true;
	}
	return false;
}

/* The loader has made addresses of them, but in the vDSO. */
static const void *address(const struct symbols *s, uint64_t value)
{
	return (const void *)(uintptr_t)(value < s->base ? value + s->base : value);
}

static const Elf64_Dyn *dynamic_of(const struct dl_phdr_info *info)
{
	const Elf64_Dyn *d = NULL;

	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			d = (const Elf64_Dyn *)(uintptr_t)(info->dlpi_addr +
							   info->dlpi_phdr[i].p_vaddr);
	return d;
}

static bool read_dynamic(uint64_t base, const Elf64_Dyn *d, struct symbols *s)
{
	*s = (struct symbols){ .base = base };
	for (; d && d->d_tag != DT_NULL; d++) {
		const void *p = address(s, d->d_un.d_ptr);

		if (d->d_tag == DT_SYMTAB)
			s->table = p;
		else if (d->d_tag == DT_STRTAB)
			s->names = p;
		else if (d->d_tag == DT_GNU_HASH)
			s->gnu_hash = p;
		else if (d->d_tag == DT_HASH)
			s->hash = p;
	}
	return s->table && s->names;
}

static const Elf64_Sym *match(const struct symbols *s, uint32_t i, const char *name)
{
	const Elf64_Sym *sym = &s->table[i];

	if (sym->st_shndx == SHN_UNDEF || !sym->st_value ||
	    ELF64_ST_TYPE(sym->st_info) != STT_FUNC || strcmp(s->names + sym->st_name, name))
		return NULL;
	return sym;
}

/* DT_GNU_HASH: buckets, symbols from first on, bloom words, a shift; then the bloom filter,
 * the buckets, and a chain of hashes whose last has its lowest bit set. */
static const Elf64_Sym *look_in_gnu_hash(const struct symbols *s, const char *name)
{
	uint32_t buckets = s->gnu_hash[0], first = s->gnu_hash[1], hash = 5381, i;
	const uint32_t *bucket = s->gnu_hash + 4 + 2 * (size_t)s->gnu_hash[2];
	const uint32_t *chain = bucket + buckets;

	for (const char *p = name; *p; p++)
		hash = hash * 33 + (uint8_t)*p;
	i = buckets ? bucket[hash % buckets] : 0;
	for (; i >= first && i; i++) {
		const Elf64_Sym *found =
			(chain[i - first] | 1) == (hash | 1) ? match(s, i, name) : NULL;

		if (found)
			return found;
		if (chain[i - first] & 1)
			break;
	}
	return NULL;
}

/* DT_HASH: buckets, symbols, then as many heads and links. */
static const Elf64_Sym *look_in_hash(const struct symbols *s, const char *name)
{
	const Elf64_Sym *found = NULL;

	for (uint32_t i = 1; i < s->hash[1] && !found; i++)
		found = match(s, i, name);
	return found;
}

static const Elf64_Sym *look_in_object(const struct symbols *s, const char *name)
{
	return s->gnu_hash ? look_in_gnu_hash(s, name) : s->hash ? look_in_hash(s, name) : NULL;
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	const Elf64_Sym *sym;
	struct symbols s;

	(void)size;
	/* Not by a function of ours that others see: its address may be another's stub for it. */
	if (is_in(info, &real)) {
		search->behind = true;
		return 0;
	}
	if (!search->behind || !read_dynamic(info->dlpi_addr, dynamic_of(info), &s))
		return 0;
	sym = look_in_object(&s, search->name);
	search->found = sym ? (void *)(uintptr_t)(s.base + sym->st_value) : NULL;
	search->with_malloc = search->found && is_in(info, (void *)(uintptr_t)real.malloc);
	return search->found != NULL;
}

/* The lock that is held meanwhile must not be left behind by a handler that jumps, nor be
 * copied by a fork. */
void *real_find(const char *name, bool *with_malloc)
{
	struct search search = { .name = name };
	struct guard g;

	guard_enter(&g);
	maps_loader_enter();
	dl_iterate_phdr(look, &search);
	maps_loader_leave();
	guard_leave(&g);
	*with_malloc = search.with_malloc;
	return search.found;
}

struct beside {
	const void *one, *other;
	bool same;
};

static int look_beside(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct beside *b = arg;

	(void)size;
	if (!is_in(info, b->one))
		return 0;
	b->same = is_in(info, b->other);
	return 1;
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE
/* _dl_find_object: glibc has it from 2.35 on, and the library is to load where it is not. */
static __typeof__(_dl_find_object) *find_object;

static bool find_objects(const void *one, const void *other, bool *same)
{
	struct dl_find_object a, b;

	if (!find_object)
		return false;
	*same = !find_object((void *)(uintptr_t)one, &a) &&
		!find_object((void *)(uintptr_t)other, &b) && a.dlfo_link_map == b.dlfo_link_map;
	return true;
}

static void find_finder(void)
{
	void *found = dlsym(RTLD_DEFAULT, "_dl_find_object");

	memcpy(&find_object, &found, sizeof(find_object));
}
#else
static bool find_objects(const void *one, const void *other, bool *same)
{
	(void)one, (void)other, (void)same;
	return false;
}

static void find_finder(void)
{
}
#endif

/* dladdr looks through all symbols of an object for the nearest: 20 us in libc. */
static bool same_by_symbol(const void *one, const void *other)
{
	Dl_info a, b;
	bool same;

	if (find_objects(one, other, &same))
		return same;
	return dladdr(one, &a) && dladdr(other, &b) && a.dli_fbase == b.dli_fbase;
}

bool real_same_object(const void *one, const void *other)
{
	struct beside b = { .one = one, .other = other };

	if (!loader_answers)
		return same_by_symbol(one, other);
	dl_iterate_phdr(look_beside, &b);
	return b.same;
}

bool real_find_init(void)
{
	find_finder();
	loader_answers = same_by_symbol((void *)(uintptr_t)dl_iterate_phdr,
					(void *)(uintptr_t)gnu_get_libc_version);
	return loader_answers;
}

/* The loader passes over symbols without a value. */
void real_hide(const char *const *names, unsigned n)
{
	extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
	extern Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
	const uint64_t page = 4096;
	uint64_t first = UINT64_MAX, end = 0;
	struct symbols s;

	if (!read_dynamic((uint64_t)(uintptr_t)&__ehdr_start, _DYNAMIC, &s))
		return;
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = (uint64_t)(uintptr_t)look_in_object(&s, names[i]);

		if (at && at < first)
			first = at & -page;
		if (at && at + sizeof(Elf64_Sym) > end)
			end = at + sizeof(Elf64_Sym);
	}
	if (first >= end ||
	    SYS_CALL(SYS_mprotect, first, end - first, PROT_READ | PROT_WRITE, 0, 0, 0) < 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		Elf64_Sym *sym = (Elf64_Sym *)(uintptr_t)look_in_object(&s, names[i]);

		if (sym)
			__atomic_store_n(&sym->st_value, 0, __ATOMIC_RELAXED);
	}
	SYS_CALL(SYS_mprotect, first, end - first, PROT_READ, 0, 0, 0);
}
