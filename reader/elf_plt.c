/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_plt.c - relocations by slot, and of each PLT entry the one instruction
 * that says which slot or which relocation is its own:
 *
 *	ff 25 disp32	jmp *slot(%rip)		.plt, .plt.got, .plt.sec
 *	68 imm32	push $number		.plt entries of CET and MPX binaries
 *
 * Runs in the child process.
 */
#include "elf_plt.h"

#include <string.h>

#include "keys.h"
#include "prof_wire.h"

struct plt_section {
	uint64_t start, end;
	uint64_t entry_bytes;
	const uint8_t *bytes; /* NULL: not decodable */
};

static void plt_add_section(struct elf_plt *plt, Elf *elf, Elf_Scn *scn, const GElf_Shdr *shdr,
			    const char *name)
{
	struct plt_section s = { shdr->sh_addr, shdr->sh_addr + shdr->sh_size, 16, NULL };
	Elf_Data *data = shdr->sh_type == SHT_PROGBITS ? elf_rawdata(scn, NULL) : NULL;
	GElf_Ehdr ehdr;

	if (s.start >= s.end)
		return;
	/* .plt.got has entries of 8 bytes, or of 16 with endbr64: its header
	 * has told the truth since binutils 2.29. */
	if (!strcmp(name, ".plt.got") && shdr->sh_entsize == 8)
		s.entry_bytes = 8;
	if (gelf_getehdr(elf, &ehdr) && ehdr.e_machine == EM_X86_64 && data && data->d_buf &&
	    data->d_size == shdr->sh_size)
		s.bytes = data->d_buf;
	g_array_append_val(plt->sections, s);
}

/* The name a relocation gives its slot; NULL when it has none. */
static const char *plt_reloc_name(Elf *elf, const GElf_Shdr *symtab, Elf_Data *symbols,
				  const GElf_Rela *rela, const struct elf_names *names)
{
	const struct elf_symbol *target;
	const char *name;
	GElf_Sym sym;

	if (GELF_R_TYPE(rela->r_info) == R_X86_64_IRELATIVE) {
		target = elf_names_find(names, (uint64_t)rela->r_addend);
		return target && target->from == (uint64_t)rela->r_addend ? target->name : NULL;
	}
	if (!GELF_R_SYM(rela->r_info) || GELF_R_SYM(rela->r_info) > G_MAXINT || !symbols ||
	    !gelf_getsym(symbols, (int)GELF_R_SYM(rela->r_info), &sym))
		return NULL;
	name = elf_strptr(elf, symtab->sh_link, sym.st_name);
	return name && *name ? name : NULL;
}

static void plt_add_relocs(struct elf_plt *plt, Elf *elf, Elf_Scn *scn, const GElf_Shdr *shdr,
			   bool jumps, const struct elf_names *names)
{
	Elf_Data *data = elf_getdata(scn, NULL), *symbols;
	Elf_Scn *symscn = elf_getscn(elf, shdr->sh_link);
	size_t n = data && shdr->sh_entsize ? data->d_size / shdr->sh_entsize : 0;
	GElf_Shdr symtab;
	GElf_Rela rela;
	const char *name;

	if (!symscn || !gelf_getshdr(symscn, &symtab))
		return;
	symbols = symtab.sh_type == SHT_DYNSYM ? elf_getdata(symscn, NULL) : NULL;
	for (size_t i = 0; i < n && i < G_MAXINT; i++) {
		if (!gelf_getrela(data, (int)i, &rela))
			return;
		name = plt_reloc_name(elf, &symtab, symbols, &rela, names);
		if (jumps)
			g_ptr_array_add(plt->jump_names, (gpointer)name);
		if (name)
			g_hash_table_replace(plt->slots, key_pointer(rela.r_offset),
					     (gpointer)name);
	}
}

void elf_plt_init(struct elf_plt *plt, Elf *elf, const struct elf_names *names)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	size_t strings;
	const char *name;

	plt->sections = g_array_new(FALSE, FALSE, sizeof(struct plt_section));
	plt->slots = key_table_new(NULL);
	plt->jump_names = g_ptr_array_new();
	if (elf_getshdrstrndx(elf, &strings))
		return;
	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &shdr))
			continue;
		name = elf_strptr(elf, strings, shdr.sh_name);
		if (!name)
			continue;
		if (shdr.sh_type == SHT_RELA && shdr.sh_flags & SHF_ALLOC)
			plt_add_relocs(plt, elf, scn, &shdr, !strcmp(name, ".rela.plt"), names);
		else if (shdr.sh_flags & SHF_EXECINSTR &&
			 (!strcmp(name, ".plt") || !strncmp(name, ".plt.", 5)))
			plt_add_section(plt, elf, scn, &shdr, name);
	}
}

static const char *plt_entry_name(const struct elf_plt *plt, const uint8_t *entry, uint64_t n,
				  uint64_t start)
{
	uint64_t slot, number;

	for (uint64_t i = 0; i + 6 <= n; i++) {
		if (entry[i] != 0xff || entry[i + 1] != 0x25)
			continue;
		slot = start + i + 6 + (uint64_t)(int32_t)prof_get_u32(entry + i + 2);
		return g_hash_table_lookup(plt->slots, key_pointer(slot));
	}
	for (uint64_t i = 0; i + 5 <= n; i++) {
		if (entry[i] != 0x68)
			continue;
		number = prof_get_u32(entry + i + 1);
		return number < plt->jump_names->len ? g_ptr_array_index(plt->jump_names, number)
						     : NULL;
	}
	return NULL;
}

bool elf_plt_find(const struct elf_plt *plt, uint64_t address, char **name, uint64_t *start)
{
	const struct plt_section *s;
	const char *target = NULL;
	uint64_t offset, n;

	for (guint i = 0; i < plt->sections->len; i++) {
		s = &g_array_index(plt->sections, struct plt_section, i);
		if (address < s->start || address >= s->end)
			continue;
		offset = (address - s->start) / s->entry_bytes * s->entry_bytes;
		n = s->end - s->start - offset;
		n = n < s->entry_bytes ? n : s->entry_bytes;
		*start = s->start + offset;
		if (s->bytes)
			target = plt_entry_name(plt, s->bytes + offset, n, *start);
		*name = target ? g_strdup_printf("%s@plt", target) : NULL;
		return true;
	}
	return false;
}
