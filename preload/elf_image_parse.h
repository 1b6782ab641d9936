/* SPDX-License-Identifier: Apache-2.0
 *
 * elf_image_parse.h - between elf_image.c and elf_image_memory.c: the pieces
 * of ELF parsing that both sources of an image share.  Writer thread only.
 */
#ifndef PROF_ELF_IMAGE_PARSE_H
#define PROF_ELF_IMAGE_PARSE_H

#include <elf.h>

#include "elf_image.h"

#define ELF_PHDRS_MAX 64

/* [writer] See elf_image.c. */
bool elf_header_ok(const Elf64_Ehdr *h);
void elf_parse_eh_hdr(struct elf_image *e, uint64_t hdr, uint64_t hdr_bytes);
void elf_parse_notes(struct elf_image *e, uint64_t vaddr, uint64_t bytes);

/* [writer] An image copied from the object loaded with its ELF header at run-time address
 * header: program headers, notes, unwind tables; or the one of the known images that was copied
 * from the same object before.  NULL when unreadable. */
struct elf_image *elf_image_from_memory(struct arena *arena, struct elf_image *known,
					uint64_t header);

#endif
