/* SPDX-License-Identifier: Apache-2.0
 *
 * run_elf.c - see run_elf.h.  Reads by program headers, as the loader does:
 * sections may be stripped.
 */
#include "run_elf.h"

#include <gelf.h>
#include <glib.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 256
#define SYMTAB_BYTES_MAX (64u << 20) /* larger ones are not searched: it would take seconds */

struct program {
	int fd;
	Elf *elf;
	GElf_Ehdr ehdr;
	GElf_Phdr dynamic;	 /* p_filesz 0: none */
	char interp[NAME_BYTES]; /* "": none */
};

/* Sanitizers that must be first in the process, by their runtimes (gcc's and
 * clang's shared library, the symbol that programs with it inside export). */
static const struct sanitizer {
	const char *name, *gcc, *clang, *symbol;
} sanitizers[] = {
	{ "AddressSanitizer", "libasan.so", "libclang_rt.asan", "__asan_init" },
	{ "HWAddressSanitizer", "libhwasan.so", "libclang_rt.hwasan", "__hwasan_init" },
	{ "ThreadSanitizer", "libtsan.so", "libclang_rt.tsan", "__tsan_init" },
	{ "MemorySanitizer", "libmsan.so", "libclang_rt.msan", "__msan_init" },
};

static void read_name(int fd, uint64_t offset, uint64_t max, char name[NAME_BYTES])
{
	ssize_t n = pread(fd, name, MIN(max, NAME_BYTES - 1), (off_t)offset);

	name[n < 0 ? 0 : n] = 0;
}

static void read_segments(struct program *p)
{
	size_t count = 0;
	GElf_Phdr phdr;

	elf_getphdrnum(p->elf, &count);
	for (size_t i = 0; i < count && gelf_getphdr(p->elf, (int)i, &phdr); i++) {
		if (phdr.p_type == PT_INTERP)
			read_name(p->fd, phdr.p_offset, phdr.p_filesz, p->interp);
		else if (phdr.p_type == PT_DYNAMIC)
			p->dynamic = phdr;
	}
}

/* The file offset of an address, or UINT64_MAX. */
static uint64_t file_offset(const struct program *p, uint64_t address)
{
	size_t count = 0;
	GElf_Phdr phdr;

	elf_getphdrnum(p->elf, &count);
	for (size_t i = 0; i < count && gelf_getphdr(p->elf, (int)i, &phdr); i++) {
		if (phdr.p_type == PT_LOAD && address >= phdr.p_vaddr &&
		    address - phdr.p_vaddr < phdr.p_filesz)
			return phdr.p_offset + (address - phdr.p_vaddr);
	}
	return UINT64_MAX;
}

/* The strings of the dynamic entries of that tag; free with g_ptr_array_unref(). */
static GPtrArray *dynamic_names(const struct program *p, int64_t tag)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	Elf_Data *data = NULL;
	uint64_t strtab = UINT64_MAX;
	char name[NAME_BYTES];
	GElf_Dyn dyn;

	if (p->dynamic.p_filesz)
		data = elf_getdata_rawchunk(p->elf, (int64_t)p->dynamic.p_offset,
					    p->dynamic.p_filesz, ELF_T_DYN);
	for (int i = 0; data && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag == DT_STRTAB)
			strtab = file_offset(p, dyn.d_un.d_ptr);
	}
	if (strtab == UINT64_MAX)
		return names;
	for (int i = 0; gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag != tag)
			continue;
		read_name(p->fd, strtab + dyn.d_un.d_val, NAME_BYTES - 1, name);
		g_ptr_array_add(names, g_strdup(name));
	}
	return names;
}

/* The sanitizer whose runtime is among the libraries the program names. */
static const char *sanitizer_needed(const struct program *p)
{
	GPtrArray *names = dynamic_names(p, DT_NEEDED);
	const char *found = NULL;

	for (guint i = 0; i < names->len; i++) {
		for (size_t k = 0; k < G_N_ELEMENTS(sanitizers); k++) {
			if (g_str_has_prefix(names->pdata[i], sanitizers[k].gcc) ||
			    g_str_has_prefix(names->pdata[i], sanitizers[k].clang))
				found = sanitizers[k].name;
		}
	}
	g_ptr_array_unref(names);
	return found;
}

/* The loader itself, as in `ld-linux-x86-64.so.2 ./app`: it preloads as ever. */
static bool is_loader(const struct program *p)
{
	GPtrArray *names = dynamic_names(p, DT_SONAME);
	bool loader = names->len && g_str_has_prefix(names->pdata[0], "ld-linux");

	g_ptr_array_unref(names);
	return loader;
}

/* The sanitizer whose first function is defined in a symbol table, or NULL. */
static const char *sanitizer_in_table(const struct program *p, Elf_Scn *section,
				      const GElf_Shdr *shdr)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_strptr(p->elf, shdr->sh_link, sym.st_name);

		if (!name || name[0] != '_' || name[1] != '_' || sym.st_shndx == SHN_UNDEF)
			continue;
		for (size_t k = 0; k < G_N_ELEMENTS(sanitizers); k++) {
			if (!strcmp(name, sanitizers[k].symbol))
				return sanitizers[k].name;
		}
	}
	return NULL;
}

/* The sanitizer whose runtime is linked into the program, or NULL. */
static const char *sanitizer_inside(const struct program *p)
{
	const char *found = NULL;
	Elf_Scn *section = NULL;
	GElf_Shdr shdr;

	while (!found && (section = elf_nextscn(p->elf, section))) {
		if (gelf_getshdr(section, &shdr) && shdr.sh_size <= SYMTAB_BYTES_MAX &&
		    (shdr.sh_type == SHT_DYNSYM || shdr.sh_type == SHT_SYMTAB))
			found = sanitizer_in_table(p, section, &shdr);
	}
	return found;
}

static const char *machine_name(const GElf_Ehdr *ehdr)
{
	switch (ehdr->e_machine) {
	case EM_X86_64: return "x32";
	case EM_386: return "32-bit x86";
	case EM_AARCH64: return "aarch64";
	case EM_ARM: return "32-bit arm";
	case EM_RISCV: return "riscv";
	case EM_PPC64: return "ppc64";
	case EM_S390: return "s390x";
	}
	return "another machine";
}

static char *obstacle(struct program *p)
{
	const char *sanitizer;

	if (p->ehdr.e_machine != EM_X86_64 || p->ehdr.e_ident[EI_CLASS] != ELFCLASS64)
		return g_strdup_printf(
			"it is a program for %s, and libprof.so is for 64-bit x86-64",
			machine_name(&p->ehdr));
	if (p->ehdr.e_type != ET_EXEC && p->ehdr.e_type != ET_DYN)
		return NULL;
	read_segments(p);
	if (!p->interp[0]) {
		if (is_loader(p))
			return NULL;
		return g_strdup("it is statically linked, and nothing can be preloaded into it");
	}
	if (strstr(p->interp, "musl"))
		return g_strdup("it is linked with musl, and libprof.so needs glibc");
	sanitizer = sanitizer_needed(p);
	if (!sanitizer)
		sanitizer = sanitizer_inside(p);
	if (sanitizer)
		return g_strdup_printf("it is built with %s, which has to be the only allocator in "
				       "its process",
				       sanitizer);
	return NULL;
}

char *run_elf_obstacle(int fd)
{
	struct program p = { .fd = fd };
	char *why = NULL;

	elf_version(EV_CURRENT);
	p.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (p.elf && gelf_getehdr(p.elf, &p.ehdr))
		why = obstacle(&p);
	elf_end(p.elf);
	return why;
}
