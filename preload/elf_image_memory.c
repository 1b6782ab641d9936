/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_image_memory.c - an object's unwind tables copied out of the process:
 * for the vDSO, which has no file, and for files that were deleted or lie
 * behind another root or mount namespace.  Every read is a system call that
 * may fail, so an object unloaded meanwhile costs its tables and no more.
 */
#include <string.h>

#include "elf_image_parse.h"
#include "sys.h"

#define COPY_BYTES_MAX (UINT64_C(64) << 20)
#define NOTES_BYTES_MAX 4096u

static bool read_memory(uint64_t address, void *buf, uint64_t n)
{
	return sys_read_own_memory(address, buf, n) == (ssize_t)n;
}

static bool read_headers(uint64_t header, Elf64_Ehdr *h, Elf64_Phdr *ph)
{
	return read_memory(header, h, sizeof(*h)) && elf_header_ok(h) &&
	       read_memory(header + h->e_phoff, ph, h->e_phnum * sizeof(*ph));
}

bool elf_header_covers(uint64_t header, uint64_t file_offset, uint64_t bytes)
{
	Elf64_Phdr ph[ELF_PHDRS_MAX];
	Elf64_Ehdr h;

	if (!read_headers(header, &h, ph))
		return false;
	for (unsigned i = 0; i < h.e_phnum; i++) {
		uint64_t in_page = ph[i].p_offset & 4095;

		if (ph[i].p_type == PT_LOAD && ph[i].p_flags & PF_X &&
		    ph[i].p_offset - in_page == file_offset &&
		    ((in_page + ph[i].p_filesz + 4095) & ~UINT64_C(4095)) == bytes)
			return true;
	}
	return false;
}

/* Copies the n bytes at vaddr as segment s of e. */
static bool copy_range(struct elf_image *e, uint64_t bias, struct elf_segment range)
{
	uint8_t *copy;

	if (!range.bytes_len || range.bytes_len > COPY_BYTES_MAX ||
	    e->segments == ELF_IMAGE_SEGMENTS)
		return false;
	copy = sys_map_unforked(range.bytes_len);
	if (!copy)
		return false;
	if (!read_memory(bias + range.vaddr, copy, range.bytes_len)) {
		sys_unmap(copy, range.bytes_len);
		return false;
	}
	range.bytes = copy;
	e->segment[e->segments++] = range;
	return true;
}

/* The tables stand in one PT_LOAD with the header that names them; the other
 * segments are kept as extents alone, for the bias and for pointers into data
 * that an unwinder reads and ignores. */
static void take_segments(struct elf_image *e, uint64_t bias, const Elf64_Phdr *ph, unsigned n,
			  uint64_t eh_hdr)
{
	for (unsigned i = 0; i < n; i++) {
		struct elf_segment s = { .vaddr = ph[i].p_vaddr,
					 .bytes_len = ph[i].p_filesz,
					 .memory_bytes = ph[i].p_memsz,
					 .file_offset = ph[i].p_offset,
					 .executable = ph[i].p_flags & PF_X };

		if (ph[i].p_type != PT_LOAD)
			continue;
		if (eh_hdr && eh_hdr - ph[i].p_vaddr < ph[i].p_filesz && copy_range(e, bias, s))
			continue;
		s.bytes_len = 0;
		if (e->segments < ELF_IMAGE_SEGMENTS)
			e->segment[e->segments++] = s;
	}
}

/* Build ids stand in a segment that was not copied: the notes, or the first of them, are read
 * apart, as the one segment of an image of their own. */
static void take_notes(struct elf_image *e, uint64_t bias, const Elf64_Phdr *ph)
{
	uint8_t bytes[NOTES_BYTES_MAX];
	uint64_t n = ph->p_memsz < sizeof(bytes) ? ph->p_memsz : sizeof(bytes);
	struct elf_image notes = { .segments = 1 };

	if (e->build_id_len || !read_memory(bias + ph->p_vaddr, bytes, n))
		return;
	notes.segment[0] = (struct elf_segment){
		.bytes = bytes, .vaddr = ph->p_vaddr, .bytes_len = n, .memory_bytes = n
	};
	elf_parse_notes(&notes, ph->p_vaddr, n);
	memcpy(e->build_id, notes.build_id, sizeof(e->build_id));
	e->build_id_len = notes.build_id_len;
}

/* An object that was loaded before, at another address maybe: what has no build id cannot be
 * told from others.  A copy that came too late for the tables is tried again. */
static struct elf_image *known_image(struct elf_image *known, const struct elf_image *found,
				     bool tables)
{
	struct elf_image *e = known;

	while (e && (!found->build_id_len || e->headers_hash != found->headers_hash ||
		     (tables && !e->eh_hdr) || e->build_id_len != found->build_id_len ||
		     memcmp(e->build_id, found->build_id, found->build_id_len) != 0))
		e = e->next;
	return e;
}

/* FNV-1a, 64 bits, over the file's header and the program headers. */
static uint64_t headers_hash(const Elf64_Ehdr *h, const Elf64_Phdr *ph)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < sizeof(*h); i++)
		hash = (hash ^ ((const uint8_t *)h)[i]) * UINT64_C(0x100000001b3);
	for (unsigned i = 0; i < h->e_phnum * sizeof(*ph); i++)
		hash = (hash ^ ((const uint8_t *)ph)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

struct elf_image *elf_image_from_memory(struct arena *arena, struct elf_image *known,
					uint64_t header)
{
	struct elf_image found = { 0 };
	Elf64_Phdr ph[ELF_PHDRS_MAX];
	const Elf64_Phdr *first = NULL, *eh = NULL;
	struct elf_image *e;
	Elf64_Ehdr h;
	uint64_t bias;

	if (!read_headers(header, &h, ph))
		return NULL;
	for (unsigned i = 0; i < h.e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD && !first)
			first = &ph[i];
		if (ph[i].p_type == PT_GNU_EH_FRAME)
			eh = &ph[i];
	}
	if (!first)
		return NULL;
	/* The ELF header is the file's first byte, so it sits where the first
	 * segment puts offset 0. */
	bias = header - (first->p_vaddr - first->p_offset);
	found.entry = h.e_entry;
	found.headers_hash = headers_hash(&h, ph);
	for (unsigned i = 0; i < h.e_phnum; i++)
		if (ph[i].p_type == PT_NOTE)
			take_notes(&found, bias, &ph[i]);
	e = known_image(known, &found, eh != NULL);
	if (e || !(e = arena_alloc(arena, sizeof(*e))))
		return e;
	*e = found;
	take_segments(e, bias, ph, h.e_phnum, eh ? eh->p_vaddr : 0);
	if (eh)
		elf_parse_eh_hdr(e, eh->p_vaddr, eh->p_memsz);
	return e;
}
