/* SPDX-License-Identifier: Apache-2.0
 *
 * hook_alloc.c - the malloc family, in front of the program's own allocator.
 * An allocation is one subtraction from a thread-local countdown, which also
 * compares, a free one look at a counter (live.h); everything else is in heap.c.
 * Fresh TLS is zero, so a thread's first allocation takes the slow path, which
 * sets the thread up.  Blocks and errno are always the real call's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "heap.h"
#include "hook.h"
#include "live.h"
#include "real.h"
#include "thread.h"

/* [hook] True when bytes end before the next sample: counted, nothing more to
 * do.  Sizes no allocator can serve go to the slow path, where a failed call is
 * not counted. */
static inline bool passes(size_t bytes)
{
	if (UNLIKELY(!thread_count_down(bytes)))
		return false;
	thread_tls.calls++;
	return true;
}

/* [hook] A call that passed has failed, for its alignment: it is not to be counted. */
static __attribute__((noinline, cold)) void take_back(size_t bytes)
{
	thread_tls.countdown += bytes;
	thread_tls.calls--;
}

/* [hook] The slow path around one real call. */
#define SAMPLED(call, bytes)                 \
	({                                   \
		void *block_;                \
		heap_before();               \
		block_ = (call);             \
		heap_after(block_, (bytes)); \
		block_;                      \
	})

static __attribute__((noinline, cold)) void *malloc_sampled(size_t bytes)
{
	void *own = thread_tls.own ? real_own_alloc(bytes) : NULL;

	if (own)
		return own;
	return SAMPLED(real.malloc(bytes), bytes);
}

/* [hook] */
HOOK void *malloc(size_t bytes)
{
	if (LIKELY(passes(bytes)))
		return real.malloc(bytes);
	return malloc_sampled(bytes);
}

/* [init] A program that defines malloc itself is not served by ours.  The
 * addresses do not tell: an executable may hold a stub of its own that leads
 * here.  So one call is made, and whether it came by shows in heap_before. */
bool hook_alloc_in_force(void)
{
	void *(*found)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
	void (*release)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "free");
	bool came_by;

	if (!found || !release)
		return false;
	thread_tls.countdown = 0;
	thread_tls.sampled_by = &came_by;
	release(found(1));
	came_by = thread_tls.sampled_by == NULL;
	thread_tls.sampled_by = NULL;
	return came_by;
}

static __attribute__((noinline, cold)) void free_maybe_sampled(void *block)
{
	if (heap_free(block))
		real.free(block);
}

/* [hook] The free is recorded before the block goes back: another thread may
 * get the address at once. */
HOOK void free(void *block)
{
	if (UNLIKELY(live_maybe((uint64_t)(uintptr_t)block)))
		free_maybe_sampled(block);
	else
		real.free(block);
}

/* [hook] */
HOOK void cfree(void *block)
{
	real_resolve();
	real.cfree(block);
}

/* [hook] C23 */
HOOK void free_sized(void *block, size_t bytes)
{
	real_resolve();
	real.free_sized(block, bytes);
}

/* [hook] C23 */
HOOK void free_aligned_sized(void *block, size_t alignment, size_t bytes)
{
	real_resolve();
	real.free_aligned_sized(block, alignment, bytes);
}

static __attribute__((noinline, cold)) void *calloc_sampled(size_t nmemb, size_t size, size_t bytes)
{
	void *own = thread_tls.own ? real_own_alloc(bytes) : NULL;

	if (own)
		return own;
	return SAMPLED(real.calloc(nmemb, size), bytes);
}

/* [hook] */
HOOK void *calloc(size_t nmemb, size_t size)
{
	size_t bytes;

	if (UNLIKELY(__builtin_mul_overflow(nmemb, size, &bytes)))
		return real.calloc(nmemb, size); /* fails, as it should */
	if (LIKELY(passes(bytes)))
		return real.calloc(nmemb, size);
	return calloc_sampled(nmemb, size, bytes);
}

/* [hook] */
HOOK void *realloc(void *block, size_t bytes)
{
	if (UNLIKELY(!bytes || live_maybe((uint64_t)(uintptr_t)block) || !passes(bytes)))
		return heap_realloc(block, bytes);
	return real.realloc(block, bytes);
}

/* [hook] */
HOOK void *reallocarray(void *block, size_t nmemb, size_t size)
{
	size_t bytes;

	real_resolve();
	if (real_reallocarray_calls_realloc || __builtin_mul_overflow(nmemb, size, &bytes))
		return real.reallocarray(block, nmemb, size);
	return realloc(block, bytes);
}

/* [hook] *out is written by the real call, and only when it succeeds. */
HOOK int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	int err;

	if (LIKELY(passes(bytes))) {
		err = real.posix_memalign(out, alignment, bytes);
		if (UNLIKELY(err))
			take_back(bytes);
		return err;
	}
	heap_before();
	err = real.posix_memalign(out, alignment, bytes);
	heap_after(err ? NULL : *out, bytes);
	return err;
}

/* [hook] */
HOOK void *aligned_alloc(size_t alignment, size_t bytes)
{
	void *block;

	if (LIKELY(passes(bytes))) {
		block = real.aligned_alloc(alignment, bytes);
		if (UNLIKELY(!block))
			take_back(bytes);
		return block;
	}
	return SAMPLED(real.aligned_alloc(alignment, bytes), bytes);
}

/* [hook] */
HOOK void *memalign(size_t alignment, size_t bytes)
{
	if (LIKELY(passes(bytes)))
		return real.memalign(alignment, bytes);
	return SAMPLED(real.memalign(alignment, bytes), bytes);
}

/* [hook] */
HOOK void *valloc(size_t bytes)
{
	if (LIKELY(passes(bytes)))
		return real.valloc(bytes);
	return SAMPLED(real.valloc(bytes), bytes);
}

/* [hook] */
HOOK void *pvalloc(size_t bytes)
{
	if (LIKELY(passes(bytes)))
		return real.pvalloc(bytes);
	return SAMPLED(real.pvalloc(bytes), bytes);
}

/* [hook] */
HOOK size_t malloc_usable_size(void *block)
{
	if (UNLIKELY(block && real_is_bootstrap(block)))
		return real_bootstrap_bytes(block);
	return real.malloc_usable_size(block);
}
