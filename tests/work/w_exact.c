/* SPDX-License-Identifier: Apache-2.0
 *
 * w_exact.c - every entry of the malloc family, degenerate cases included,
 * each at a site of its own: what LIBPROF_HEAP_BYTES=1 must record to the
 * call.  Done by main and by a thread whose exact totals are known too, those of a
 * destructor among them that waits for a round, then frees, and allocates in the third.
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

#define SIMPLE(name, make)            \
	static FRAME void name(int i) \
	{                             \
		(void)i;              \
		free(opaque(make));   \
	}

SIMPLE(exact_malloc, malloc(100 + (size_t)i))
SIMPLE(exact_malloc_zero, malloc(0))
SIMPLE(exact_malloc_fails, malloc(huge))
SIMPLE(exact_calloc, calloc(7, 9))
SIMPLE(exact_calloc_overflow, calloc(huge, 4))
SIMPLE(exact_free_null, NULL)
SIMPLE(exact_realloc_null, realloc(opaque(NULL), 33))
SIMPLE(exact_aligned_alloc, aligned_alloc(64, 640))
SIMPLE(exact_memalign, memalign(32, 50))
SIMPLE(exact_valloc, valloc(70))
SIMPLE(exact_pvalloc, pvalloc(4096))
SIMPLE(exact_strdup, strdup("eleven char"))
SIMPLE(exact_reallocarray, reallocarray(opaque(NULL), 5, 8))
SIMPLE(exact_reallocarray_overflow, reallocarray(opaque(NULL), huge, 8))
SIMPLE(exact_realloc_grows, realloc(opaque(malloc(10)), 2000)) /* two allocations */

static FRAME void exact_malloc_kept(int i)
{
	keep[i] = opaque(malloc(48));
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
/* clang-format off */
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
/* clang-format on */

#define ENTRY(name, ...) { #name, name },
static const struct {
	const char *name;
	void (*run)(int i);
} sites[] = { SITES(ENTRY) };
#define SITE_COUNT (sizeof(sites) / sizeof(sites[0]))

static pthread_key_t key;
static void *of_thread;

static FRAME void exact_until_destroyed(void)
{
	of_thread = opaque(malloc(700));
}

/* In the fourth round, glibc's last, the library's own is before it. */
static FRAME void exact_destructor(void *value)
{
	uintptr_t round = (uintptr_t)value;

	if (round == 2)
		free(of_thread);
	if (round == 3)
		free(opaque(malloc(500)));
	else
		pthread_setspecific(key, (void *)(round + 1));
}

static pthread_barrier_t named;

static FRAME void *run_all(void *is_thread)
{
	if (is_thread) {
		pthread_barrier_wait(&named);
		pthread_setspecific(key, (void *)1);
		exact_until_destroyed();
	}
	for (size_t s = 0; s < SITE_COUNT; s++)
		for (int i = 0; i < TIMES; i++)
			sites[s].run(i);
	return NULL;
}

int main(void)
{
	unsigned long long calls[SITE_COUNT] = { 0 }, bytes[SITE_COUNT] = { 0 };
	unsigned long long all_calls = 0, all = 0, live[SITE_COUNT] = { 0 };
	unsigned long long live_bytes[SITE_COUNT] = { 0 };
	pthread_t id;

	pthread_key_create(&key, exact_destructor);
	run_all(NULL);
	pthread_barrier_init(&named, NULL, 2);
	pthread_create(&id, NULL, run_all, &named);
	pthread_setname_np(id, "exact");
	pthread_barrier_wait(&named);
	pthread_join(id, NULL);
	for (int i = 0; i < TIMES; i++) {
		size_t s = 0;

#define SUM(name, c, b, stays)                                                          \
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
	printf("site exact_until_destroyed 1 700 0 0\nsite exact_destructor 1 500 0 0\n");
	printf("thread exact %llu %llu\n", all_calls + 2, all + 1200);
	return 0;
}
