/* SPDX-License-Identifier: Apache-2.0
 *
 * w_exact.c - every entry of the malloc family, degenerate cases included,
 * each at a site of its own: what LIBPROF_HEAP_BYTES=1 must record to the
 * call.  Done by main and by a thread whose exact totals are known too.
 *
 *	site FUNCTION CALLS BYTES LIVE_CALLS LIVE_BYTES
 *	thread NAME CALLS BYTES
 */
#include "work.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#define TIMES 100

static void *volatile keep[TIMES];
static volatile size_t huge = SIZE_MAX / 2;

static inline __attribute__((always_inline)) void *opaque(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static FRAME void exact_malloc(int i) { free(opaque(malloc(100 + (size_t)i))); }
static FRAME void exact_malloc_zero(int i) { (void)i; free(opaque(malloc(0))); }
static FRAME void exact_malloc_fails(int i) { (void)i; free(opaque(malloc(huge))); }
static FRAME void exact_malloc_kept(int i) { keep[i] = opaque(malloc(48)); }
static FRAME void exact_calloc(int i) { (void)i; free(opaque(calloc(7, 9))); }
static FRAME void exact_calloc_overflow(int i) { (void)i; free(opaque(calloc(huge, 4))); }
static FRAME void exact_free_null(int i) { (void)i; free(opaque(NULL)); }
static FRAME void exact_realloc_null(int i) { (void)i; free(opaque(realloc(opaque(NULL), 33))); }
static FRAME void exact_aligned_alloc(int i) { (void)i; free(opaque(aligned_alloc(64, 640))); }
static FRAME void exact_memalign(int i) { (void)i; free(opaque(memalign(32, 50))); }
static FRAME void exact_valloc(int i) { (void)i; free(opaque(valloc(70))); }
static FRAME void exact_pvalloc(int i) { (void)i; free(opaque(pvalloc(4096))); }
static FRAME void exact_strdup(int i) { (void)i; free(opaque(strdup("eleven char"))); }

/* A block of 10 bytes, then one of 2000: two allocations. */
static FRAME void exact_realloc_grows(int i)
{
	(void)i;
	free(opaque(realloc(opaque(malloc(10)), 2000)));
}

/* The failed realloc changes nothing. */
static FRAME void exact_realloc_fails(int i)
{
	void *p = opaque(malloc(20)), *q = opaque(realloc(p, huge));

	(void)i;
	free(q ? q : p);
}

/* glibc frees the block and gives NULL. */
static FRAME void exact_realloc_zero(int i)
{
	(void)i;
	opaque(realloc(opaque(malloc(30)), 0));
	STAY;
}

static FRAME void exact_reallocarray(int i)
{
	(void)i;
	free(opaque(reallocarray(opaque(NULL), 5, 8)));
}

static FRAME void exact_reallocarray_overflow(int i)
{
	(void)i;
	free(opaque(reallocarray(opaque(NULL), huge, 8)));
}

static FRAME void exact_posix_memalign(int i)
{
	void *p = NULL;

	(void)i;
	if (!posix_memalign(&p, 64, 99))
		free(opaque(p));
}

static FRAME void exact_posix_memalign_fails(int i)
{
	void *p = &p;

	(void)i;
	if (posix_memalign(&p, 3, 8) != EINVAL || p != &p)
		abort();
}

/* name, calls and bytes of one run, whether its block stays */
#define SITES(X)                                                               \
	X(exact_malloc, 1, 100 + i, 0) X(exact_malloc_zero, 1, 0, 0)           \
	X(exact_malloc_fails, 0, 0, 0) X(exact_malloc_kept, 1, 48, 1)          \
	X(exact_calloc, 1, 63, 0) X(exact_calloc_overflow, 0, 0, 0)            \
	X(exact_free_null, 0, 0, 0) X(exact_realloc_null, 1, 33, 0)            \
	X(exact_aligned_alloc, 1, 640, 0) X(exact_memalign, 1, 50, 0)          \
	X(exact_valloc, 1, 70, 0) X(exact_pvalloc, 1, 4096, 0)                 \
	X(exact_strdup, 1, 12, 0) X(exact_realloc_grows, 2, 2010, 0)           \
	X(exact_realloc_fails, 1, 20, 0) X(exact_realloc_zero, 1, 30, 0)       \
	X(exact_reallocarray, 1, 40, 0) X(exact_reallocarray_overflow, 0, 0, 0) \
	X(exact_posix_memalign, 1, 99, 0) X(exact_posix_memalign_fails, 0, 0, 0)

#define ENTRY(name, ...) { #name, name },
static const struct {
	const char *name;
	void (*run)(int i);
} sites[] = { SITES(ENTRY) };
#define SITE_COUNT (sizeof(sites) / sizeof(sites[0]))

static FRAME void *run_all(void *unused)
{
	for (size_t s = 0; s < SITE_COUNT; s++)
		for (int i = 0; i < TIMES; i++)
			sites[s].run(i);
	return unused;
}

int main(void)
{
	unsigned long long calls[SITE_COUNT] = { 0 }, bytes[SITE_COUNT] = { 0 }, all_calls = 0, all = 0;
	unsigned long long live[SITE_COUNT] = { 0 }, live_bytes[SITE_COUNT] = { 0 };
	pthread_t id;

	run_all(NULL);
	pthread_create(&id, NULL, run_all, NULL);
	pthread_setname_np(id, "exact");
	pthread_join(id, NULL);
	for (int i = 0; i < TIMES; i++) {
		size_t s = 0;

#define SUM(name, c, b, stays)                                                 \
	calls[s] += (c), bytes[s] += (unsigned long long)(b), live[s] += (c) * (stays), \
		live_bytes[s++] += (unsigned long long)(b) * (stays);
		SITES(SUM)
	}
	for (size_t s = 0; s < SITE_COUNT; s++) {
		printf("site %s %llu %llu %llu %llu\n", sites[s].name, 2 * calls[s], 2 * bytes[s],
		       2 * live[s], 2 * live_bytes[s]);
		all_calls += calls[s];
		all += bytes[s];
	}
	printf("thread exact %llu %llu\n", all_calls, all);
	return 0;
}
