/* SPDX-License-Identifier: Apache-2.0
 *
 * test_elf_image.c - what is taken from an object's file: headers wherever they stand, build
 * ids among other notes, the table of unwind information; damaged files.
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c
 */
#include "../../preload/elf_image.h"

#include <elf.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../preload/arch.h"
#include "../check.h"

#define PATH "/tmp/prof-test-image.so"

static struct arena arena;

/* An object of one segment, with its program headers at phoff. */
static struct {
	Elf64_Ehdr file;
	Elf64_Phdr ph[3];
	struct {
		Elf64_Nhdr head;
		char name[4];
		uint8_t desc[16];
	} property;
	struct {
		Elf64_Nhdr head;
		char name[4];
		uint8_t desc[20];
	} build_id;
	uint8_t eh_hdr[4 + 4 + 4 + 2 * 8];
	Elf64_Phdr elsewhere[3];
} object;

static uint64_t at(const void *part)
{
	return (uint64_t)((const uint8_t *)part - (const uint8_t *)&object);
}

static void make_object(void)
{
	uint32_t fdes = 2;

	object.file = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
				    .e_type = ET_DYN,
				    .e_machine = ARCH_AUDIT,
				    .e_phoff = sizeof(object.file),
				    .e_phentsize = sizeof(Elf64_Phdr),
				    .e_phnum = 3 };
	object.ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				     .p_flags = PF_X,
				     .p_filesz = sizeof(object),
				     .p_memsz = sizeof(object) };
	object.ph[1] = (Elf64_Phdr){ .p_type = PT_NOTE,
				     .p_vaddr = at(&object.property),
				     .p_memsz = sizeof(object.property) + sizeof(object.build_id) };
	object.ph[2] = (Elf64_Phdr){ .p_type = PT_GNU_EH_FRAME,
				     .p_vaddr = at(object.eh_hdr),
				     .p_memsz = sizeof(object.eh_hdr) };
	object.property.head = (Elf64_Nhdr){ 4, 13, NT_GNU_PROPERTY_TYPE_0 }; /* padded to 16 */
	object.build_id.head = (Elf64_Nhdr){ 4, 20, NT_GNU_BUILD_ID };
	memcpy(object.property.name, "GNU", 4);
	memcpy(object.build_id.name, "GNU", 4);
	memset(object.build_id.desc, 0xab, sizeof(object.build_id.desc));
	memcpy(object.eh_hdr, (uint8_t[]){ 1, 0x1b, 3, 0x3b }, 4);
	memcpy(object.eh_hdr + 8, &fdes, 4);
}

static struct elf_image *image_of_object(void)
{
	struct elf_place place = { PATH, 0, 0, 0 };
	struct stat st;
	FILE *f = fopen(PATH, "w");
	struct elf_image *e;

	TRUE(fwrite(&object, sizeof(object), 1, f) == 1);
	fclose(f);
	EQ(stat(PATH, &st), 0);
	place.dev = st.st_dev;
	place.ino = st.st_ino;
	elf_image_init();
	e = elf_image_open(&arena, &place);
	unlink(PATH);
	return e;
}

static void check_object(void)
{
	struct elf_image *e = image_of_object();

	TRUE(e);
	EQ(e->segments, 1);
	EQ(e->build_id_len, 20);
	EQ(memcmp(e->build_id, object.build_id.desc, 20), 0);
	EQ(e->eh_hdr, at(object.eh_hdr));
	EQ(e->fde_table, at(object.eh_hdr) + 12);
	EQ(e->fdes, 2);
}

TEST(all_is_found)
{
	make_object();
	check_object();
}

TEST(program_headers_elsewhere)
{
	make_object();
	memcpy(object.elsewhere, object.ph, sizeof(object.ph));
	memset(object.ph, 0, sizeof(object.ph));
	object.file.e_phoff = at(object.elsewhere);
	check_object();
}

TEST(notes_that_are_cut)
{
	make_object();
	object.ph[1].p_memsz--;
	EQ(image_of_object()->build_id_len, 0);
	make_object();
	object.property.head.n_descsz = ~0u;
	EQ(image_of_object()->build_id_len, 0);
	make_object();
	object.build_id.head.n_descsz = ELF_IMAGE_BUILD_ID_BYTES + 1; /* of the next part, too */
	object.ph[1].p_memsz += sizeof(object.eh_hdr);
	EQ(image_of_object()->build_id_len, 0);
}

TEST(tables_that_are_cut)
{
	struct elf_image *e;

	for (unsigned bytes = 0; bytes <= 12; bytes++) {
		make_object();
		object.ph[2].p_memsz = bytes;
		EQ(image_of_object()->fde_table, 0);
	}
	object.ph[2].p_memsz = 12 + 15; /* one and not quite a second */
	e = image_of_object();
	EQ(e->fde_table, at(object.eh_hdr) + 12);
	EQ(e->fdes, 1);
	object.eh_hdr[3] = 0x1b; /* no sorted table */
	EQ(image_of_object()->fde_table, 0);
}

/* What is read later comes out of the mapping then, and is no less. */
TEST(without_memory_for_a_copy)
{
	struct elf_image *e;
	uint8_t desc[20];

	make_object();
	e = image_of_object();
	EQ(setrlimit(RLIMIT_AS, &(struct rlimit){ 1, RLIM_INFINITY }), 0);
	TRUE(elf_image_read(e, at(object.build_id.desc), desc, sizeof(desc)));
	EQ(memcmp(desc, object.build_id.desc, sizeof(desc)), 0);
	EQ(setrlimit(RLIMIT_AS, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY }), 0);
	memset(desc, 0, sizeof(desc));
	TRUE(elf_image_read(e, at(object.build_id.desc), desc, sizeof(desc)));
	EQ(memcmp(desc, object.build_id.desc, sizeof(desc)), 0);
}

/* Every truncation of an object, and noise in its headers: no crash, no lie
 * outside of the file. */
TEST(damaged_files)
{
	static const char path[] = "/tmp/prof-test-damaged.so";
	struct elf_place place = { path, 0, 0, 0 };
	static uint8_t bytes[65536];
	FILE *f = fopen("/proc/self/exe", "r");
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	uint64_t seed = 1, word;
	struct stat st;

	fclose(f);
	elf_image_init();
	for (unsigned round = 0; round < 600; round++) {
		size_t keep = round < 300 ? round * n / 300 : n;
		struct elf_image *e;

		f = fopen(path, "w");
		for (unsigned i = 0; round >= 300 && i < 3; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[(seed >> 33) % 1024] = (uint8_t)(seed >> 20);
		}
		fwrite(bytes, 1, keep, f);
		fclose(f);
		EQ(stat(path, &st), 0);
		place.dev = st.st_dev;
		place.ino = st.st_ino;
		e = elf_image_open(&arena, &place);
		for (uint64_t v = 0; e && v < 2 * n; v += 509)
			elf_image_read(e, v, &word, sizeof(word));
		unlink(path);
	}
}

extern const char __ehdr_start; /* the linker's: this program's first byte */

/* As on btrfs, where the numbers that stat gives are not those of /proc/self/maps: the file
 * is known again by its first bytes, and no second image is kept of it. */
TEST(numbers_of_a_file_disagree)
{
	char path[4096] = "";
	struct elf_place place = { .path = path, .dev = 1, .ino = 1 };
	struct elf_image *e;

	elf_image_init();
	TRUE(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	place.header = (uint64_t)(uintptr_t)&__ehdr_start;
	e = elf_image_open(&arena, &place);
	TRUE(e);
	EQ(elf_image_open(&arena, &place), e);
	place.header = 0; /* nothing says that this is the file */
	TRUE(elf_image_open(&arena, &place) != e);
}
