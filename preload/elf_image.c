/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_image.c - see elf_image.h.  The headers of an object are parsed by one
 * function from a flat view of its first bytes, whether these came from a file
 * or from memory; elf_image_memory.c has the second source.
 */
#include "elf_image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "arch.h"
#include "elf_image_parse.h"
#include "file_view.h"
#include "sys.h"

#define FILE_BYTES_MAX (UINT64_C(8) << 30)

static struct elf_image *images;

void elf_image_init(void)
{
	images = NULL;
}

static bool segment_read(const struct elf_segment *s, uint64_t at, void *buf, uint64_t n)
{
	if (s->view)
		return file_view_read(s->view, s->file_offset + at, buf, n);
	memcpy(buf, s->bytes + at, n);
	return true;
}

bool elf_image_read(const struct elf_image *e, uint64_t vaddr, void *buf, unsigned n)
{
	for (unsigned i = 0; i < e->segments; i++) {
		const struct elf_segment *s = &e->segment[i];
		uint64_t at = vaddr - s->vaddr;

		if (at >= s->memory_bytes)
			continue;
		if (at < s->bytes_len && n <= s->bytes_len - at)
			return segment_read(s, at, buf, n);
		memset(buf, 0, n);
		return at >= s->bytes_len || segment_read(s, at, buf, s->bytes_len - at);
	}
	return false;
}

bool elf_image_bias(const struct elf_image *e, uint64_t start, uint64_t file_offset, uint64_t *bias)
{
	const struct elf_segment *best = NULL;

	for (unsigned i = 0; i < e->segments; i++) {
		const struct elf_segment *s = &e->segment[i];
		uint64_t page = s->file_offset & ~UINT64_C(4095);

		if (file_offset < page || file_offset >= s->file_offset + s->memory_bytes)
			continue;
		if (!best || (s->executable && !best->executable))
			best = s;
	}
	if (!best)
		return false;
	*bias = start - file_offset - (best->vaddr - best->file_offset);
	return true;
}

/* [writer] True for an ELF header of a loadable 64-bit object of this machine. */
bool elf_header_ok(const Elf64_Ehdr *h)
{
	return !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_machine == ARCH_AUDIT &&
	       (h->e_type == ET_EXEC || h->e_type == ET_DYN) &&
	       h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phnum && h->e_phnum <= ELF_PHDRS_MAX;
}

static unsigned encoded_bytes(uint8_t encoding)
{
	switch (encoding & 0x7) { /* DW_EH_PE_: the low bits are the width, bit 3 the sign */
	case 2: return 2;
	case 3: return 4;
	case 0:
	case 4: return 8;
	default: return 0;
	}
}

/* [writer] Finds the sorted table behind .eh_frame_hdr of hdr_bytes; without one
 * (linked with --no-eh-frame-hdr) the object has no table for us. */
void elf_parse_eh_hdr(struct elf_image *e, uint64_t hdr, uint64_t hdr_bytes)
{
	uint8_t head[4 + 8 + 8] = { 0 };
	unsigned pointer, count;
	uint64_t fdes = 0, table;

	if (!elf_image_read(e, hdr, head,
			    hdr_bytes < sizeof(head) ? (unsigned)hdr_bytes : sizeof(head)))
		return;
	pointer = encoded_bytes(head[1]);
	count = encoded_bytes(head[2]);
	table = 4 + pointer + count;
	/* 0x3b: signed 4-byte offsets from the header, the only kind linkers write. */
	if (head[0] != 1 || head[3] != 0x3b || !pointer || !count || table >= hdr_bytes)
		return;
	memcpy(&fdes, head + 4 + pointer, count);
	if (fdes > (hdr_bytes - table) / 8)
		fdes = (hdr_bytes - table) / 8;
	e->eh_hdr = hdr;
	e->fde_table = hdr + table;
	e->fdes = fdes;
}

/* [writer] Looks for the build id in the notes at vaddr. */
void elf_parse_notes(struct elf_image *e, uint64_t vaddr, uint64_t bytes)
{
	struct {
		Elf64_Nhdr head;
		char name[4];
		uint8_t desc[ELF_IMAGE_BUILD_ID_BYTES];
	} n;
	uint64_t at = 0;

	while (!e->build_id_len && bytes > at && bytes - at >= sizeof(n.head)) {
		uint64_t left = bytes - at, desc, size;

		if (!elf_image_read(e, vaddr + at, &n,
				    left < sizeof(n) ? (unsigned)left : sizeof(n)))
			return;
		desc = sizeof(n.head) + ((n.head.n_namesz + UINT64_C(3)) & ~UINT64_C(3));
		size = n.head.n_descsz;
		if (desc > left || size > left - desc)
			return;
		if (n.head.n_type == NT_GNU_BUILD_ID && n.head.n_namesz == 4 && size &&
		    size <= sizeof(e->build_id) && !memcmp(n.name, "GNU", 4)) {
			memcpy(e->build_id, n.desc, size);
			e->build_id_len = (uint32_t)size;
		}
		at += desc + ((size + 3) & ~UINT64_C(3));
	}
}

struct headers {
	Elf64_Ehdr file;
	Elf64_Phdr ph[ELF_PHDRS_MAX];
};

/* False when it is no object of ours.  Mostly the one follows the other. */
static bool read_headers(int fd, struct headers *h)
{
	ssize_t got = sys_pread(fd, h, sizeof(*h), 0);
	size_t bytes;

	if (got < (ssize_t)sizeof(h->file) || !elf_header_ok(&h->file))
		return false;
	bytes = h->file.e_phnum * sizeof(h->ph[0]);
	if (h->file.e_phoff == sizeof(h->file) && (size_t)got >= sizeof(h->file) + bytes)
		return true;
	return sys_pread(fd, h->ph, bytes, h->file.e_phoff) == (ssize_t)bytes;
}

/* Where the last segment ends in a file of size bytes; 0: one is not all there. */
static uint64_t loaded_bytes(const struct headers *h, uint64_t size)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < h->file.e_phnum; i++) {
		const Elf64_Phdr *p = &h->ph[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_offset > size || p->p_filesz > size - p->p_offset)
			return 0;
		if (p->p_offset + p->p_filesz > used)
			used = p->p_offset + p->p_filesz;
	}
	return used;
}

/* Fills e from the file; false when it is no object of ours. */
static bool parse_file(struct elf_image *e, const struct headers *h, struct file_view *file)
{
	e->entry = h->file.e_entry;
	for (unsigned i = 0; i < h->file.e_phnum; i++) {
		struct elf_segment *s = &e->segment[e->segments];
		const Elf64_Phdr *p = &h->ph[i];

		if (p->p_type != PT_LOAD || e->segments == ELF_IMAGE_SEGMENTS)
			continue;
		s->view = file;
		s->vaddr = p->p_vaddr;
		s->bytes_len = p->p_filesz;
		s->memory_bytes = p->p_memsz;
		s->file_offset = p->p_offset;
		s->executable = p->p_flags & PF_X;
		e->segments++;
	}
	for (unsigned i = 0; i < h->file.e_phnum; i++) {
		if (h->ph[i].p_type == PT_GNU_EH_FRAME)
			elf_parse_eh_hdr(e, h->ph[i].p_vaddr, h->ph[i].p_memsz);
		else if (h->ph[i].p_type == PT_NOTE)
			elf_parse_notes(e, h->ph[i].p_vaddr, h->ph[i].p_memsz);
	}
	return e->segments;
}

static struct elf_image *image_of_file(uint64_t dev, uint64_t ino, uint64_t size, uint64_t mtime)
{
	struct elf_image *e = images;

	while (e && (e->dev != dev || e->ino != ino || e->size != size || e->mtime_ns != mtime))
		e = e->next;
	return e;
}

/* The file at the path is the one that was mapped: the same inode, or, on file
 * systems whose stat and maps disagree (btrfs, overlay), the same first page
 * as the object has in memory. */
static bool same_file(const struct elf_place *place, const struct stat *st, int fd)
{
	uint8_t page[1024], first[1024];
	size_t n = (uint64_t)st->st_size < sizeof(page) ? (size_t)st->st_size : sizeof(page);

	if (st->st_dev == place->dev && st->st_ino == place->ino)
		return true;
	return place->header && sys_read_own_memory(place->header, page, n) == (ssize_t)n &&
	       sys_pread(fd, first, n, 0) == (ssize_t)n && !memcmp(page, first, n);
}

static struct elf_image *open_file(struct arena *arena, const struct elf_place *place, int fd)
{
	struct elf_image *e;
	struct file_view *file;
	struct headers h;
	struct stat st;
	uint64_t mtime, used;

	if (sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > FILE_BYTES_MAX)
		return NULL;
	if (!same_file(place, &st, fd))
		return NULL;
	mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	e = image_of_file(st.st_dev, st.st_ino, (uint64_t)st.st_size, mtime);
	if (e)
		return e;
	used = read_headers(fd, &h) ? loaded_bytes(&h, (uint64_t)st.st_size) : 0;
	file = used ? file_view_open(arena, fd, used) : NULL;
	if (!file)
		return NULL;
	e = arena_alloc(arena, sizeof(*e));
	if (!e || !parse_file(e, &h, file)) {
		file_view_close(file);
		return NULL;
	}
	file_view_settle(file);
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	e->size = (uint64_t)st.st_size;
	e->mtime_ns = mtime;
	return e;
}

struct elf_image *elf_image_open(struct arena *arena, const struct elf_place *place)
{
	struct elf_image *e = NULL;
	/* Not waiting on a fifo or a device that has taken the file's place. */
	int fd = *place->path == '/' && strncmp(place->path, "/dev/", 5)
			 ? sys_open(place->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
			 : -ENOENT;

	if (fd >= 0) {
		e = open_file(arena, place, fd);
		sys_close(fd);
	}
	if (!e && place->header)
		e = elf_image_from_memory(arena, images, place->header);
	for (struct elf_image *i = images; e && i; i = i->next)
		if (i == e)
			return e;
	if (e) {
		e->next = images;
		images = e;
	}
	return e;
}
