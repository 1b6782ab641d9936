/* SPDX-License-Identifier: Apache-2.0
 *
 * w_storm_crowd.c - thousands of threads alive at once: each allocates, waits
 * until all are there, computes a little, allocates again, and ends; then the
 * next crowd, until the time is over.  With all of them there, as many files
 * are opened as there may be.
 *
 *	w_storm_crowd SECONDS THREADS
 *
 *	memory KIB_OF_THE_WHOLE_CROWD     resident, beyond what was before the first
 */
#include "storm.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#define STACK_BYTES (32u << 10)
#define FILES 1024

static pthread_t *ids;
static pthread_barrier_t all_there, may_end;

static void allocate_some(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		storm_free(storm_malloc(100 + i));
}

static void *one_of_many(void *arg)
{
	void *kept = storm_malloc(50);

	allocate_some(10);
	pthread_barrier_wait(&all_there);
	work_spin(20000);
	allocate_some(10);
	pthread_barrier_wait(&may_end);
	allocate_some(5);
	storm_free(kept);
	return arg;
}

/* The whole table of descriptors is the program's. */
static int open_all(void)
{
	static int fds[FILES];
	int n = 0;

	while (n < FILES && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		n++;
	for (int i = 0; i < n; i++)
		close(fds[i]);
	return n;
}

static uint64_t resident_kib(void)
{
	uint64_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%*u %llu", (unsigned long long *)&pages) != 1)
		exit(95);
	fclose(f);
	return pages * (uint64_t)getpagesize() / 1024;
}

int main(int argc, char **argv)
{
	unsigned threads = (unsigned)work_arg(argc, argv, 2, 5000);
	struct rlimit r = { FILES, FILES };
	pthread_attr_t attr;
	uint64_t crowds = 0, before, with, failed = 0;
	int files = FILES;

	setrlimit(RLIMIT_NOFILE, &r);
	ids = calloc(threads, sizeof(*ids));
	memset(ids, 1, threads * sizeof(*ids));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_barrier_init(&all_there, NULL, threads + 1);
	pthread_barrier_init(&may_end, NULL, threads + 1);
	storm_begin(argc, argv);
	before = with = resident_kib();
	do {
		for (unsigned i = 0; i < threads; i++)
			if (pthread_create(&ids[i], &attr, one_of_many, NULL)) {
				printf("threads %u\n", i);
				exit(1);
			}
		pthread_barrier_wait(&all_there);
		if (!crowds)
			with = resident_kib();
		files = open_all();
		pthread_barrier_wait(&may_end);
		for (unsigned i = 0; i < threads; i++)
			failed += pthread_join(ids[i], NULL) != 0;
		crowds++;
	} while (storm_running());
	storm_load("threads", crowds * threads);
	storm_must("files", (uint64_t)files);
	storm_must("failed", failed);
	printf("memory %llu\n", (unsigned long long)(with - before));
	free(ids);
	storm_end();
	return 0;
}
