/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_image.h - the parts of one ELF object that unwinding needs, held in
 * memory of our own: a private mapping of the file, or, where the file cannot
 * be had, a copy of the loaded object.  Made by maps.c, read by the unwinder;
 * writer thread only.  No byte of an object is trusted: whatever lies outside
 * it reads as absent.  Images are never given back: a stack may need the
 * tables of an object that is long unloaded.
 */
#ifndef PROF_ELF_IMAGE_H
#define PROF_ELF_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define ELF_IMAGE_SEGMENTS 16
#define ELF_IMAGE_BUILD_ID_BYTES 32

struct file_view;

/* bytes at the object's own virtual address vaddr (in view from file_offset on, or
 * at bytes); what lies between bytes_len and
 * memory_bytes is zero (.bss) or was not copied. */
struct elf_segment {
	struct file_view *view; /* of the file, or NULL */
	const uint8_t *bytes;	/* a copy of memory, where there is no view */
	uint64_t vaddr, bytes_len, memory_bytes, file_offset;
	bool executable;
};

struct elf_image {
	struct elf_image *next;		   /* all images, newest first */
	uint64_t dev, ino, size, mtime_ns; /* of the file; 0 for a copy of memory */
	uint64_t headers_hash;		   /* of a copy of memory, else 0 */
	uint64_t entry;			   /* e_entry */
	struct elf_segment segment[ELF_IMAGE_SEGMENTS];
	unsigned segments;
	uint64_t eh_hdr;    /* vaddr of .eh_frame_hdr; 0 = none */
	uint64_t fde_table; /* vaddr of its sorted table; 0 = none */
	uint64_t fdes;
	uint8_t build_id[ELF_IMAGE_BUILD_ID_BYTES];
	uint32_t build_id_len;
};

/* What is known of a loaded object before its image is had. */
struct elf_place {
	const char *path; /* "" = do not try a file */
	uint64_t dev, ino;
	uint64_t header; /* run-time address of the ELF header; 0 = unknown */
};

/* [writer] The image of the object at place: shared with an earlier one of the same
 * unchanged file, else from the file, else copied out of the process's memory.
 * NULL where there is no ELF object of this machine to be had.  No descriptor stays open. */
struct elf_image *elf_image_open(struct arena *arena, const struct elf_place *place);

/* [writer] Forgets all images; their memory is left to whoever abandons the arena. */
void elf_image_init(void);

/* [writer] Whether an object begins in memory at run-time address header that has an executable
 * segment of bytes, in whole pages, from file_offset on. */
bool elf_header_covers(uint64_t header, uint64_t file_offset, uint64_t bytes);

/* [writer] Run-time address minus virtual address for an executable mapping of
 * file_offset at start; false when no segment holds that part of the file. */
bool elf_image_bias(const struct elf_image *e, uint64_t start, uint64_t file_offset,
		    uint64_t *bias);

/* [writer] n bytes at vaddr, zeroes for .bss and for what a copy of memory
 * left out.  False where the object has nothing. */
bool elf_image_read(const struct elf_image *e, uint64_t vaddr, void *buf, unsigned n);

#endif
