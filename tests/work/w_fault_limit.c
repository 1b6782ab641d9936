/* SPDX-License-Identifier: Apache-2.0
 *
 * w_fault_limit.c - a program that lowers a limit of its own while it runs, or locks
 * its memory, and needs nothing of what it gave up.
 *
 *	w_fault_limit KIND VALUE MS	KIND: as (bytes above what is mapped), data,
 *			nofile, fsize, nproc, memlock, sigpending, stack; all: every one of
 *			them; lock: mlockall(MCL_CURRENT | MCL_FUTURE) at the limit as it is
 *
 * 50 ms of allocating before, MS milliseconds after, in blocks that come back:
 *	before N, after N (1 each, when the work was done), lock ERRNO, calls N (the
 *	mallocs in limit_blocks)
 */
#include "work.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define BLOCKS 500
#define DEPTH 64
#define SPARE 4 /* levels, 4 KB each: room for a hook's frames and for a signal's */

static _Atomic uint64_t made;
static pthread_barrier_t warm; /* both threads have all the memory they will need */

static const struct {
	const char *name;
	int resource;
} kinds[] = {
	{ "as", RLIMIT_AS },
	{ "data", RLIMIT_DATA },
	{ "nofile", RLIMIT_NOFILE },
	{ "fsize", RLIMIT_FSIZE },
	{ "nproc", RLIMIT_NPROC },
	{ "memlock", RLIMIT_MEMLOCK },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

/* Every call from a place of its own below, so that stacks are many. */
static FRAME void limit_blocks(unsigned depth)
{
	void *block[BLOCKS];

	if (depth) {
		limit_blocks(depth - 1);
		STAY;
		return;
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		block[i] = malloc(16 + i);
		if (!block[i])
			abort();
		memset(block[i], 1, 16 + i);
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(block[i]);
	made += BLOCKS;
}

static int work(uint64_t ms)
{
	uint64_t end = work_clock(CLOCK_MONOTONIC) + ms * MS;

	for (unsigned depth = 0; work_clock(CLOCK_MONOTONIC) < end; depth = (depth + 1) % DEPTH)
		limit_blocks(depth);
	return 1;
}

/* The stack, and the heap, are as large as they get. */
static void warm_up(void)
{
	limit_blocks(DEPTH + SPARE);
}

static FRAME void *thread_body(void *arg)
{
	warm_up();
	work(50);
	pthread_barrier_wait(&warm);
	work(*(uint64_t *)arg);
	return NULL;
}

static uint64_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%lu", &pages) != 1)
		abort();
	fclose(f);
	return (uint64_t)pages * 4096;
}

static void lower(const char *kind, uint64_t value)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct rlimit limit = { value, value };

		if (strcmp(kind, "all") && strcmp(kind, kinds[i].name))
			continue;
		if (kinds[i].resource == RLIMIT_AS || kinds[i].resource == RLIMIT_DATA)
			limit.rlim_cur = limit.rlim_max = value + mapped_bytes();
		if (setrlimit(kinds[i].resource, &limit))
			abort();
	}
}

int main(int argc, char **argv)
{
	uint64_t value = work_arg(argc, argv, 2, 0), ms = work_arg(argc, argv, 3, 200);
	int before, locked = 0;
	pthread_t thread;

	pthread_barrier_init(&warm, NULL, 2);
	if (argc < 2 || pthread_create(&thread, NULL, thread_body, &ms))
		return 125;
	warm_up();
	before = work(50);
	pthread_barrier_wait(&warm);
	if (!strcmp(argv[1], "lock"))
		locked = mlockall(MCL_CURRENT | MCL_FUTURE) ? errno : 0;
	else
		lower(argv[1], value);
	printf("before %d\n", before);
	printf("after %d\n", work(ms));
	pthread_join(thread, NULL);
	printf("lock %d\n", locked);
	printf("calls %llu\n", (unsigned long long)made);
	return 9;
}
