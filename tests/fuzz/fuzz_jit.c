/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_jit.c - maps of generated code (perf-PID.map) and the kernel's symbols:
 * text files of the same shape, the first written by any program.  Every
 * address must have a name that fits, whatever is in the file.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../reader/jit_names.h"
#include "../../reader/kernel_names.h"

#define N_ADDRESSES 64

static char dir[] = "/dev/shm/prof-fuzz-XXXXXX", map[64], boot[64];

static void remove_files(void)
{
	unlink(map);
	unlink(boot);
	rmdir(dir);
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "we");

	fuzz_require(f && fwrite(data, 1, size, f) == size && !fclose(f), path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_require(mkdtemp(dir) != NULL, "mkdtemp");
	snprintf(map, sizeof(map), "%s/perf-1.map", dir);
	snprintf(boot, sizeof(boot), "%s/boot", dir);
	write_file(boot, (const uint8_t *)"boot\n", 5);
	atexit(remove_files);
	return 0;
}

static void look(const struct symbolize_module *m, const struct symbolize_frame *frames,
		 const uint64_t *starts, const struct symbolize_status *status)
{
	size_t named = 0, length;

	for (size_t i = 0; i < m->n_addresses; i++) {
		length = strlen(frames[i].name);
		fuzz_require(length && length <= SYMBOLIZE_NAME_BYTES, "a name's length");
		if (!frames[i].system_name)
			continue;
		named++;
		fuzz_require(starts[i] <= m->addresses[i], "a name from above");
	}
	fuzz_require(named == status->n_named, "names counted wrong");
}

static void name_all(const struct symbolize_module *m, bool kernel)
{
	struct symbolize_frame frames[N_ADDRESSES + 1] = { 0 };
	uint64_t starts[N_ADDRESSES + 1] = { 0 };
	GStringChunk *chunk = g_string_chunk_new(4096);
	struct symbolize_status status = { 0 };

	for (size_t i = 0; i < m->n_addresses; i++)
		frames[i].name = "[anon]";
	if (kernel)
		kernel_names_fill(m, map, boot, chunk, frames, starts, &status);
	else
		jit_names_fill(m, dir, chunk, frames, starts, &status);
	look(m, frames, starts, &status);
	g_string_chunk_free(chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t addresses[N_ADDRESSES];
	struct symbolize_module m = { .addresses = addresses,
				      .n_addresses = N_ADDRESSES,
				      .pid = 1,
				      .uid = geteuid(),
				      .boot_id = "boot" };

	for (unsigned i = 0; i < N_ADDRESSES; i++)
		addresses[i] = i < 48 ? 0x1000 + i * 0x30ull : UINT64_MAX - (63 - i) * 0x10ull;
	fuzz_begin();
	write_file(map, data, size);
	name_all(&m, false);
	name_all(&m, true);
	return 0;
}
