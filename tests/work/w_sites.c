/* SPDX-License-Identifier: Apache-2.0
 *
 * w_sites.c - allocations of known number and size at named sites, from main
 * and two threads, about 16 MiB at each; a part of some stays allocated.
 * Argument: times to do it all in each thread (2).
 *
 *	site FUNCTION CALLS BYTES LIVE_CALLS LIVE_BYTES SIZE
 */
#include "work.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SITES(X)                                                            \
	X(site_malloc_64, 64, 20000, 0, malloc(64))                         \
	X(site_malloc_1000, 1000, 16000, 100, malloc(1000))                 \
	X(site_malloc_1m, 1 << 20, 16, 2, malloc(1 << 20))                  \
	X(site_calloc, 3 * 1111, 5000, 0, calloc(3, 1111))                  \
	X(site_realloc_null, 5000, 3200, 0, realloc(NULL, 5000))            \
	X(site_reallocarray, 7 * 300, 8000, 50, reallocarray(NULL, 7, 300)) \
	X(site_aligned_alloc, 4096, 4000, 0, aligned_alloc(64, 4096))       \
	X(site_memalign, 10000, 1600, 10, memalign(256, 10000))             \
	X(site_valloc, 9000, 1800, 0, valloc(9000))                         \
	X(site_posix_memalign, 6000, 2600, 0, posix(6000))                  \
	X(site_strdup, 2001, 8000, 0, strdup(text))

static char text[2001];
static uint64_t rounds;

/* A millisecond's rest after each MiB: no profiler can copy stacks at the
 * rate of a loop that does nothing but allocate. */
static void pace(size_t bytes)
{
	static __thread size_t since;

	since += bytes;
	if (since > 1 << 20) {
		since = 0;
		work_sleep_ms(1);
	}
}

static inline __attribute__((always_inline)) void *posix(size_t n)
{
	void *p = NULL;

	return posix_memalign(&p, 128, n) ? NULL : p;
}

/* calls allocations of one kind, of which the first keep stay alive. */
#define DEFINE(name, size, calls, keep, make)                        \
	static FRAME void name(void)                                 \
	{                                                            \
		for (int i = 0; i < (calls); i++) {                  \
			char *p = make;                              \
			__asm__ volatile("" : "+r"(p) : : "memory"); \
			if (!p)                                      \
				abort();                             \
			if (i >= (keep))                             \
				free(p);                             \
			pace(size);                                  \
		}                                                    \
	}
SITES(DEFINE)

static FRAME void *all_sites(void *unused)
{
#define CALL(name, ...) name();
	for (uint64_t r = 0; r < rounds; r++) {
		SITES(CALL)
	}
	return unused;
}

static void print_site(const char *name, uint64_t calls, uint64_t live, uint64_t size)
{
	printf("site %s %llu %llu %llu %llu %llu\n", name, (unsigned long long)calls,
	       (unsigned long long)(calls * size), (unsigned long long)live,
	       (unsigned long long)(live * size), (unsigned long long)size);
}

int main(int argc, char **argv)
{
	pthread_t id[2];

	rounds = work_arg(argc, argv, 1, 2);
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 2; i++) {
		pthread_create(&id[i], NULL, all_sites, NULL);
		pthread_setname_np(id[i], i ? "sites-1" : "sites-0");
	}
	all_sites(NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(id[i], NULL);
#define PRINT(name, size, calls, keep, make) \
	print_site(#name, 3 * rounds * (calls), 3 * rounds * (keep), size);
	SITES(PRINT)
	return 0;
}
