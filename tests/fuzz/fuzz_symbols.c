/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_symbols.c - an ELF file, through symbol tables, PLT, DWARF and unwind
 * tables to the stream of names.  Production does this in a child with limits;
 * here it is done in the process, so that coverage is seen.  The mutator works
 * inside sections: random bytes alone mostly hit the headers.  What a child
 * leaves to its end is freed here, for which the sources themselves are included.  The advice is left out: it reads
 * this machine's lists of packages.
 */
#define _GNU_SOURCE /* memfd_create, close_range */
#include <elfutils/libdw.h>

static Dwarf *opened;

/* What the source below opens and drops. */
static Dwarf *open_dwarf(Elf *elf, Dwarf_Cmd cmd, Elf_Scn *group)
{
	Dwarf *dwarf = dwarf_begin_elf(elf, cmd, group);

	opened = opened ? opened : dwarf;
	return dwarf;
}

#define dwarf_begin_elf open_dwarf
#include "../../reader/demangle.c"
#include "../../reader/module_names.c"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define N_ADDRESSES 256
#define SECTIONS_MAX 64

static void names_free(struct module_names *m)
{
	if (m->dwarf)
		dwarf_names_free(m->dwarf);
	dwarf_end(opened);
	opened = NULL;
	g_array_unref(m->symbols.symbols);
	g_array_unref(m->symbols.labels);
	g_array_unref(m->symbols.spans);
	g_array_unref(m->bounds.ranges);
	g_array_unref(m->plt.sections);
	g_hash_table_unref(m->plt.slots);
	g_ptr_array_unref(m->plt.jump_names);
	g_hash_table_unref(m->demangled);
	g_string_chunk_free(m->text);
	g_array_unref(m->chain);
	g_free(m->label);
	g_free(m->fallback);
	elf_end(m->files.debug.elf);
	elf_end(m->files.main.elf);
	g_free(m->files.debug.path);
	g_free(m->files.main.path);
	g_free(m->files.changed_path);
	g_free(m->files.tried);
}

/* Addresses all over the low part of the file's own space, and some far off. */
static void set_addresses(uint64_t *addresses, size_t size)
{
	uint64_t step = (size + 4096) / (N_ADDRESSES - 16) | 1;

	for (unsigned i = 0; i < N_ADDRESSES; i++)
		addresses[i] = i < N_ADDRESSES - 16 ? i * step
						    : UINT64_MAX - (N_ADDRESSES - i) * 0x1001ull;
}

/* The parent's side of what was written. */
static void read_back(int fd)
{
	size_t length = (size_t)lseek(fd, 0, SEEK_END);
	struct symbolize_address addresses[N_ADDRESSES] = { 0 };
	struct symbolize_status status = { 0 };
	struct symbolize_frame *frames = NULL;
	GStringChunk *chunk = g_string_chunk_new(4096);
	uint8_t *bytes = g_malloc(length);

	fuzz_require(pread(fd, bytes, length, 0) == (ssize_t)length, "pread");
	fuzz_require(symbolize_get_stream(bytes, length, chunk, addresses, N_ADDRESSES, &status,
					  &frames),
		     "the parent refuses the stream");
	for (size_t i = 0; i < N_ADDRESSES; i++)
		fuzz_require(addresses[i].n_frames, "an address without a name");
	g_free(bytes);
	g_free(frames);
	g_string_chunk_free(chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct symbolize_options options = { .debug_dir = "/dev/null" };
	const char *path = fuzz_file(data, size);
	uint64_t addresses[N_ADDRESSES];
	struct symbolize_module module = { .path = path,
					   .addresses = addresses,
					   .n_addresses = N_ADDRESSES };
	int out = memfd_create("stream", MFD_CLOEXEC);
	struct symbolize_writer w;
	struct module_names m = { 0 };

	/* The body of module_names_write(), with an end. */
	n_slow = 0;
	set_addresses(addresses, size);
	symbolize_writer_init(&w, out);
	module_open(&m, &options, &module);
	for (size_t i = 0; i < N_ADDRESSES; i++)
		module_write_address(&m, &w, i, addresses[i]);
	symbolize_put_end(&w, &m.status);
	g_hash_table_unref(w.strings);
	g_byte_array_unref(w.buffer);
	names_free(&m);
	read_back(out);
	close_range((unsigned)out, ~0u, 0); /* and the files the child leaves open */
	return 0;
}

/* ---- The mutator ---- */

/* A part of the file: a section's bytes, its header, or the file's headers. */
static bool pick_part(const uint8_t *data, size_t size, unsigned *seed, size_t *at, size_t *n)
{
	Elf64_Ehdr ehdr;
	Elf64_Shdr shdr;
	size_t i;

	if (size < sizeof(ehdr))
		return false;
	memcpy(&ehdr, data, sizeof(ehdr));
	if (!ehdr.e_shnum || ehdr.e_shoff > size)
		return false;
	i = (size_t)rand_r(seed) % ehdr.e_shnum;
	if (i >= (size - ehdr.e_shoff) / sizeof(shdr))
		return false;
	*at = ehdr.e_shoff + i * sizeof(shdr);
	*n = sizeof(shdr);
	memcpy(&shdr, data + *at, sizeof(shdr));
	if (rand_r(seed) % 8 == 0)
		return true;
	if (rand_r(seed) % 16 == 0) {
		*at = 16;
		*n = size < 512 ? size - 16 : 496;
		return true;
	}
	*at = shdr.sh_offset;
	*n = shdr.sh_size;
	return shdr.sh_type != SHT_NOBITS && *at < size && *n && *n <= size - *at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t at, n, window, changed;
	uint8_t *copy;

	if (!pick_part(data, size, &seed, &at, &n))
		return LLVMFuzzerMutate(data, size, max);
	/* A short stretch, so that what is inserted moves little else. */
	window = n > 64 && rand_r(&seed) % 4 ? 64 : n;
	at += (size_t)rand_r(&seed) % (n - window + 1);
	copy = g_malloc(window);
	memcpy(copy, data + at, window);
	changed = LLVMFuzzerMutate(copy, window, window);
	memcpy(data + at, copy, changed);
	g_free(copy);
	return size;
}
