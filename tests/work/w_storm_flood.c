/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_flood.c - allocates as fast as it can, so that whoever records it
 * falls behind, and says how long the longest call took and how often the threads
 * went to sleep, which allocating is no reason for.
 *
 *	w_storm_flood SECONDS small|large THREADS
 *
 *	longest NS    slept TIMES    bytes N    peak KIB_RESIDENT
 */
#include "storm.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#define BATCH 64
#define LARGE (64u << 10) /* larger ones glibc maps and unmaps, which makes threads wait */

static _Atomic uint64_t longest, slept, bytes;
static size_t block_bytes;

static void *floods(void *arg)
{
	void *kept[BATCH] = { NULL };
	uint64_t mine = 0, most = 0, was, now;
	struct rusage before, after;

	getrusage(RUSAGE_THREAD, &before);
	was = work_clock(CLOCK_MONOTONIC);
	while (storm_running())
		for (unsigned i = 0; i < BATCH; i++) {
			storm_free(kept[i]);
			kept[i] = storm_malloc(block_bytes);
			mine += block_bytes;
			now = work_clock(CLOCK_MONOTONIC);
			most = now - was > most ? now - was : most;
			was = now;
		}
	getrusage(RUSAGE_THREAD, &after);
	for (unsigned i = 0; i < BATCH; i++)
		storm_free(kept[i]);
	slept += (uint64_t)(after.ru_nvcsw - before.ru_nvcsw);
	bytes += mine;
	for (uint64_t l = longest; most > l && !atomic_compare_exchange_weak(&longest, &l, most);)
		;
	return arg;
}

/* Of this image alone; getrusage also knows what was there before its exec. */
static unsigned long peak_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmHWM:", 6))
			kib = strtoul(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kib;
}

int main(int argc, char **argv)
{
	uint64_t threads = work_arg(argc, argv, 3, 2);
	pthread_t *id = calloc(threads, sizeof(*id));

	storm_begin(argc, argv);
	block_bytes = argc > 2 && !strcmp(argv[2], "large") ? LARGE : 16;
	for (uint64_t i = 0; i < threads; i++)
		pthread_create(&id[i], NULL, floods, NULL);
	for (uint64_t i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	free(id);
	storm_load("MiB", bytes >> 20);
	printf("longest %llu\nslept %llu\npeak %lu\n", (unsigned long long)longest,
	       (unsigned long long)slept, peak_kib());
	storm_end();
	return 0;
}
