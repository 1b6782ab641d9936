/* SPDX-License-Identifier: Apache-2.0
 *
 * known.c - a plugin that uses libunwind and liblzma, copies of the known ones that
 * lie beside it.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LZMA_CHECK_CRC32 1
#define DEPTH 5

int unw_backtrace(void **frames, int most);
int lzma_easy_buffer_encode(uint32_t preset, int check, const void *allocator, const uint8_t *in,
			    size_t in_bytes, uint8_t *out, size_t *out_at, size_t out_bytes);
int lzma_stream_buffer_decode(uint64_t *memory, uint32_t flags, const void *allocator,
			      const uint8_t *in, size_t *in_at, size_t in_bytes, uint8_t *out,
			      size_t *out_at, size_t out_bytes);
int plugin_run(void *(*allocate)(size_t), void (*release)(void *), void (*through)(void (*)(void)));

static int round_trip_works(void)
{
	uint8_t plain[1000] = "what is packed", packed[2000], again[1000] = "";
	size_t packed_at = 0, from = 0, to = 0;
	uint64_t memory = UINT64_MAX;

	return lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, plain, sizeof(plain), packed,
				       &packed_at, sizeof(packed)) == 0 &&
	       lzma_stream_buffer_decode(&memory, 0, NULL, packed, &from, packed_at, again, &to,
					 sizeof(again)) == 0 &&
	       to == sizeof(plain) && !memcmp(plain, again, to);
}

/* This many of its own, and its caller's. */
static __attribute__((noinline)) int backtrace_works(int deep)
{
	void *frames[4 * DEPTH];
	int good = deep ? backtrace_works(deep - 1) : unw_backtrace(frames, 4 * DEPTH) > DEPTH + 2;

	__asm__ volatile("" ::: "memory");
	return good;
}

int plugin_run(void *(*allocate)(size_t), void (*release)(void *), void (*through)(void (*)(void)))
{
	(void)through;
	for (size_t i = 0; i < 10; i++)
		release(allocate(60 + i));
	return !(backtrace_works(DEPTH) && round_trip_works());
}
