/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_pipe.c - the answer of the child that read a hostile file, as the parent
 * takes it: what it accepts can be printed.
 */
#include "fuzz.h"

#include <string.h>

#include "../../reader/symbolize_pipe.h"

#define N_ADDRESSES 8

static void look(const char *text, bool needed)
{
	fuzz_require(text || !needed, "no name");
	fuzz_require(!text || strlen(text) <= SYMBOLIZE_NAME_BYTES, "a long name");
	fuzz_require(!needed || *text, "an empty name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbolize_address addresses[N_ADDRESSES] = { 0 };
	struct symbolize_status status = { 0 };
	struct symbolize_frame *frames = NULL;
	GStringChunk *chunk = g_string_chunk_new(4096);

	fuzz_begin();
	symbolize_get_stream(data, size, chunk, addresses, N_ADDRESSES, &status, &frames);
	for (unsigned i = 0; i < N_ADDRESSES; i++) {
		for (uint32_t k = 0; k < addresses[i].n_frames; k++) {
			look(addresses[i].frames[k].name, true);
			look(addresses[i].frames[k].system_name, false);
			look(addresses[i].frames[k].file, false);
		}
	}
	look(status.file, false);
	look(status.debug_file, false);
	look(status.advice, false);
	fuzz_require(status.n_named <= N_ADDRESSES, "more names than addresses");
	g_free(frames);
	g_string_chunk_free(chunk);
	return 0;
}
