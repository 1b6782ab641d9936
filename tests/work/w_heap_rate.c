/* SPDX-License-Identifier: Apache-2.0
 *
 * w_heap_rate.c - threads that allocate much and little, by turns of 300 ms, at sites of
 * one size each; of the small ones some stay allocated.
 * Arguments: threads (24), milliseconds (3000).
 *
 *	row THREAD SITE CALLS BYTES      (thread: the last part of its name "number-")
 *
 * libs: -pthread
 */
#define _GNU_SOURCE
#include "work.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 256
#define TURN_NS 300000000u
#define KEPT_MAX 256u /* of a thread */

#define SITES(X)          \
	X(rate_1, 300)    \
	X(rate_2, 2000)   \
	X(rate_3, 8000)   \
	X(rate_4, 20000)  \
	X(rate_5, 60000)  \
	X(rate_6, 200000) \
	X(rate_7, 600000) \
	X(rate_8, 2000000)

#define DEFINE(name, size)                                   \
	static FRAME void *name(void)                        \
	{                                                    \
		void *p = malloc(size);                      \
		__asm__ volatile("" : "+r"(p) : : "memory"); \
		return p;                                    \
	}
SITES(DEFINE)

#define ENTRY(name, size) { #name, size, name },
static const struct site {
	const char *name;
	size_t bytes;
	void *(*allocate)(void);
} sites[] = { SITES(ENTRY) };
#define SITES_N (sizeof(sites) / sizeof(*sites))

static uint64_t calls[THREADS_MAX][SITES_N], begun_ns, end_ns;

static void *worker(void *arg)
{
	unsigned number = (unsigned)(uintptr_t)arg, kept = 0;
	char name[16];

	snprintf(name, sizeof(name), "number-%u", number);
	pthread_setname_np(pthread_self(), name);
	for (unsigned round = 0;; round++) {
		uint64_t now = work_clock(CLOCK_MONOTONIC);
		size_t s = round % SITES_N;
		void *p;

		if (now >= end_ns)
			return NULL;
		p = sites[s].allocate();
		calls[number][s]++;
		if (round % 64 == number % 64 && kept < KEPT_MAX && sites[s].bytes < 10000)
			kept++;
		else
			free(p);
		if ((now - begun_ns) / TURN_NS % 2)
			work_sleep_ms(5);
		else if (round % 8 == 0)
			work_sleep_ms(1);
	}
}

int main(int argc, char **argv)
{
	unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 24;
	unsigned ms = argc > 2 ? (unsigned)atoi(argv[2]) : 3000;
	pthread_t id[THREADS_MAX];

	begun_ns = work_clock(CLOCK_MONOTONIC);
	end_ns = begun_ns + ms * UINT64_C(1000000);
	for (uintptr_t i = 0; i < threads; i++)
		pthread_create(&id[i], NULL, worker, (void *)i);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	for (unsigned i = 0; i < threads; i++)
		for (size_t s = 0; s < SITES_N; s++)
			printf("row %u %s %llu %llu\n", i, sites[s].name,
			       (unsigned long long)calls[i][s],
			       (unsigned long long)(calls[i][s] * sites[s].bytes));
	return 0;
}
