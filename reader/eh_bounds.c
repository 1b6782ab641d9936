/* SPDX-License-Identifier: Apache-2.0
 *
 * eh_bounds.c - a walk over .eh_frame by libdw, of which only each FDE's first
 * two values are used: the start of its code, in the encoding its CIE names,
 * and the length.  Runs in the child process.
 */
#include "eh_bounds.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <string.h>

#include "prof_wire.h"

/* DW_EH_PE_ bits that dwarf.h does not have under one name. */
#define EH_FORMAT_MASK 0x0f
#define EH_BASE_MASK 0x70

struct eh_section {
	Elf_Data *data;
	uint64_t address; /* of its first byte */
	unsigned char ident[EI_NIDENT];
};

static uint64_t eh_get_sleb(struct prof_slice *s)
{
	uint64_t v = 0;
	const uint8_t *byte;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		byte = prof_get_bytes(s, 1);
		if (!byte)
			return 0;
		v |= (uint64_t)(*byte & 0x7f) << shift;
		if (!(*byte & 0x80))
			return *byte & 0x40 && shift < 57 ? v | -(UINT64_C(1) << (shift + 7)) : v;
	}
	s->bad = true;
	return 0;
}

static uint64_t eh_get_fixed(struct prof_slice *s, unsigned n, bool is_signed)
{
	const uint8_t *bytes = prof_get_bytes(s, n);
	uint64_t v = 0;

	for (unsigned i = 0; bytes && i < n; i++)
		v |= (uint64_t)bytes[i] << 8 * i;
	if (is_signed && n < 8 && v >> (8 * n - 1))
		v |= ~UINT64_C(0) << 8 * n;
	return v;
}

static uint64_t eh_get_value(struct prof_slice *s, uint8_t encoding, bool wide)
{
	switch (encoding & EH_FORMAT_MASK) {
	case DW_EH_PE_absptr: return eh_get_fixed(s, wide ? 8 : 4, false);
	case DW_EH_PE_uleb128: return prof_get_varint(s);
	case DW_EH_PE_udata2: return eh_get_fixed(s, 2, false);
	case DW_EH_PE_udata4: return eh_get_fixed(s, 4, false);
	case DW_EH_PE_udata8: return eh_get_fixed(s, 8, false);
	case DW_EH_PE_sleb128: return eh_get_sleb(s);
	case DW_EH_PE_sdata2: return eh_get_fixed(s, 2, true);
	case DW_EH_PE_sdata4: return eh_get_fixed(s, 4, true);
	case DW_EH_PE_sdata8: return eh_get_fixed(s, 8, true);
	default: s->bad = true; return 0;
	}
}

/* The encoding of code addresses in FDEs of this CIE; DW_EH_PE_omit when the
 * augmentation is not understood. */
static uint8_t eh_cie_encoding(const Dwarf_CIE *cie, bool wide)
{
	struct prof_slice s = { cie->augmentation_data,
				cie->augmentation_data + cie->augmentation_data_size, false };
	const uint8_t *byte;

	if (!cie->augmentation || cie->augmentation[0] != 'z' || !cie->augmentation_data)
		return DW_EH_PE_absptr;
	for (const char *c = cie->augmentation + 1; *c; c++) {
		switch (*c) {
		case 'R': byte = prof_get_bytes(&s, 1); return byte ? *byte : DW_EH_PE_omit;
		case 'L': prof_get_bytes(&s, 1); break;
		case 'P':
			byte = prof_get_bytes(&s, 1);
			if (!byte || (*byte & EH_BASE_MASK) == DW_EH_PE_aligned)
				return DW_EH_PE_omit;
			eh_get_value(&s, *byte, wide);
			break;
		case 'S':
		case 'B': break;
		default: return DW_EH_PE_omit;
		}
	}
	return DW_EH_PE_absptr;
}

static void eh_add_fde(struct eh_bounds *b, const struct eh_section *section, const Dwarf_FDE *fde,
		       uint8_t encoding)
{
	struct prof_slice s = { fde->start, fde->end, false };
	bool wide = section->ident[EI_CLASS] == ELFCLASS64;
	uint64_t here =
		section->address + (uint64_t)(fde->start - (const uint8_t *)section->data->d_buf);
	struct eh_range range;
	uint64_t length;

	range.start = eh_get_value(&s, encoding, wide);
	if ((encoding & EH_BASE_MASK) == DW_EH_PE_pcrel)
		range.start += here;
	else if (encoding & (EH_BASE_MASK | DW_EH_PE_indirect))
		return;
	length = eh_get_value(&s, encoding & EH_FORMAT_MASK, wide);
	range.end = range.start + length;
	if (!s.bad && range.start && range.start < range.end)
		g_array_append_val(b->ranges, range);
}

static void eh_walk(struct eh_bounds *b, const struct eh_section *section)
{
	bool wide = section->ident[EI_CLASS] == ELFCLASS64;
	Dwarf_Off at = 0, next, cie_at = (Dwarf_Off)-1;
	uint8_t encoding = DW_EH_PE_omit;
	Dwarf_CFI_Entry entry, cie;
	int rc;

	for (; at != (Dwarf_Off)-1; at = next) {
		next = at;
		rc = dwarf_next_cfi(section->ident, section->data, true, at, &next, &entry);
		if (rc > 0 || next <= at)
			return;
		if (rc < 0 || dwarf_cfi_cie_p(&entry))
			continue;
		if (entry.fde.CIE_pointer != cie_at) {
			Dwarf_Off unused = 0;

			cie_at = entry.fde.CIE_pointer;
			encoding = DW_EH_PE_omit;
			if (dwarf_next_cfi(section->ident, section->data, true, cie_at, &unused,
					   &cie) == 0 &&
			    dwarf_cfi_cie_p(&cie))
				encoding = eh_cie_encoding(&cie.cie, wide);
		}
		if (encoding != DW_EH_PE_omit)
			eh_add_fde(b, section, &entry.fde, encoding);
	}
}

/* The section by its name. */
static bool eh_find_section(Elf *elf, struct eh_section *section)
{
	size_t names;
	Elf_Scn *scn = NULL;
	GElf_Shdr mem, *shdr;
	const char *name;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		shdr = gelf_getshdr(scn, &mem);
		name = shdr ? elf_strptr(elf, names, shdr->sh_name) : NULL;
		if (!name || strcmp(name, ".eh_frame") || shdr->sh_type == SHT_NOBITS)
			continue;
		section->data = elf_rawdata(scn, NULL);
		section->address = shdr->sh_addr;
		return section->data && section->data->d_buf;
	}
	return false;
}

/* The address of .eh_frame out of .eh_frame_hdr, 0 when it is not there. */
static uint64_t eh_read_header(Elf *elf, const GElf_Phdr *header)
{
	Elf_Data *data =
		elf_getdata_rawchunk(elf, (int64_t)header->p_offset, header->p_filesz, ELF_T_BYTE);
	struct prof_slice s;
	const uint8_t *head;
	uint64_t v;

	if (!data || !data->d_buf)
		return 0;
	s = (struct prof_slice){ data->d_buf, (uint8_t *)data->d_buf + data->d_size, false };
	head = prof_get_bytes(&s, 4);
	if (!head || head[0] != 1)
		return 0;
	v = eh_get_value(&s, head[1], true);
	if ((head[1] & EH_BASE_MASK) == DW_EH_PE_pcrel)
		v += header->p_vaddr + 4;
	return s.bad ? 0 : v;
}

/* Without section headers: from .eh_frame's first byte to the end of its
 * segment; the terminator ends the walk. */
static bool eh_find_segment(Elf *elf, struct eh_section *section)
{
	GElf_Phdr phdr;
	size_t n = 0;
	uint64_t address = 0;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n && !address; i++) {
		if (gelf_getphdr(elf, (int)i, &phdr) && phdr.p_type == PT_GNU_EH_FRAME)
			address = eh_read_header(elf, &phdr);
	}
	for (size_t i = 0; i < n && address; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_LOAD ||
		    address < phdr.p_vaddr || address - phdr.p_vaddr >= phdr.p_filesz)
			continue;
		section->address = address;
		address -= phdr.p_vaddr;
		section->data = elf_getdata_rawchunk(elf, (int64_t)(phdr.p_offset + address),
						     phdr.p_filesz - address, ELF_T_BYTE);
		return section->data && section->data->d_buf;
	}
	return false;
}

static gint eh_compare(gconstpointer a, gconstpointer b)
{
	const struct eh_range *x = a, *y = b;

	return x->start != y->start ? (x->start < y->start ? -1 : 1)
				    : (x->end > y->end) - (x->end < y->end);
}

void eh_bounds_init(struct eh_bounds *b, Elf *elf)
{
	struct eh_section section = { 0 };
	const char *ident = elf_getident(elf, NULL);

	b->ranges = g_array_new(FALSE, FALSE, sizeof(struct eh_range));
	if (!ident || ident[EI_DATA] != ELFDATA2LSB)
		return;
	memcpy(section.ident, ident, EI_NIDENT);
	if (eh_find_section(elf, &section) || eh_find_segment(elf, &section))
		eh_walk(b, &section);
	g_array_sort(b->ranges, eh_compare);
}

/* The first range that starts above address. */
static guint eh_upper(const struct eh_bounds *b, uint64_t address)
{
	guint low = 0, high = b->ranges->len, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (g_array_index(b->ranges, struct eh_range, middle).start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool eh_bounds_find(const struct eh_bounds *b, uint64_t address, struct eh_range *range)
{
	guint i = eh_upper(b, address);

	if (!i)
		return false;
	*range = g_array_index(b->ranges, struct eh_range, i - 1);
	return address < range->end;
}

uint64_t eh_bounds_next(const struct eh_bounds *b, uint64_t address)
{
	guint i = eh_upper(b, address);

	return i < b->ranges->len ? g_array_index(b->ranges, struct eh_range, i).start : UINT64_MAX;
}
