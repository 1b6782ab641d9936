/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.c - the least that a library which samples allocations can cost: malloc takes the
 * bytes off a thread's countdown, free looks whether a block nearby was sampled, and every
 * SAMPLE_BYTES a block of malloc's is noted there.  No stack is taken, nothing is recorded, calls are not
 * counted, and which block is sampled is not even random.  Preloaded by the benchmark beside
 * the empty shim: between the two lies what the branches cost of which each is taken now and
 * then.
 */
#include <stddef.h>
#include <stdint.h>

#include "sleeper.h"

#define SHIM __attribute__((visibility("default"), aligned(64)))
#define SELDOM __attribute__((noinline, cold))
#define SAMPLE_BYTES (INT64_C(2) << 20)
#define CELLS (1u << 20)

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t nmemb, size_t size);
extern void *__libc_realloc(void *block, size_t bytes);
extern void __libc_free(void *block);

/* Not const: as with ours, the compiler must not know where they point. */
struct sampler_real {
	void *(*malloc)(size_t bytes);
	void *(*calloc)(size_t nmemb, size_t size);
	void *(*realloc)(void *block, size_t bytes);
	void (*free)(void *block);
};
__attribute__((visibility("hidden"))) struct sampler_real sampler_real = {
	__libc_malloc, __libc_calloc, __libc_realloc, __libc_free
};

static __thread int64_t left __attribute__((tls_model("initial-exec"))) = SAMPLE_BYTES;
static _Atomic uint8_t sampled[CELLS]; /* blocks of this address that are alive */

static size_t cell_of(const void *block)
{
	return ((uintptr_t)block >> 6) % CELLS;
}

SELDOM static void *sample(size_t bytes)
{
	void *block = sampler_real.malloc(bytes);

	left = SAMPLE_BYTES;
	sampled[cell_of(block)] = 1;
	return block;
}

SELDOM static void forget(void *block)
{
	sampled[cell_of(block)] = 0;
	sampler_real.free(block);
}

SHIM void *malloc(size_t bytes)
{
	left -= (int64_t)bytes;
	if (left <= 0)
		return sample(bytes);
	return sampler_real.malloc(bytes);
}

SHIM void *calloc(size_t nmemb, size_t size)
{
	left -= (int64_t)(nmemb * size);
	return sampler_real.calloc(nmemb, size);
}

SHIM void *realloc(void *block, size_t bytes)
{
	left -= (int64_t)bytes;
	return sampler_real.realloc(block, bytes);
}

SHIM void free(void *block)
{
	if (sampled[cell_of(block)])
		forget(block);
	else
		sampler_real.free(block);
}
