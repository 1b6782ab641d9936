/* SPDX-License-Identifier: Apache-2.0
 *
 * storm.h - what the storm programs (w_storm_*.c) share: the seconds they run,
 * and the count of the calls they make, by process, which tests/storms/storm.py
 * compares with the traces.  The counts lie in memory that all processes of
 * the storm share, so a child's outlive it whatever way it ends.
 *
 *	storm_begin(argc, argv);        argument 1: seconds, also fractions
 *	while (storm_running())
 *		storm_free(storm_malloc(100));
 *	storm_load("threads", n);       load NAME N: what the storm held
 *	storm_must("failed", 0);        must NAME N: the same bare and profiled
 *	storm_end();                    calls PID ALLOCATIONS LIVE, a line a process
 *
 * A forked child calls storm_child() before anything else.  Every block of the
 * storm must come and go by storm_malloc, storm_realloc, storm_free: LIVE is
 * how many of the blocks a process allocated it did not free itself.
 */
#ifndef PROF_STORM_H
#define PROF_STORM_H

#include "work.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "../../include/libprof.h"

#define STORM_PROCESSES 65536u

struct storm_row {
	_Atomic int32_t pid;
	_Atomic uint32_t live; /* wraps below 0 while a parent's blocks are freed */
	_Atomic uint64_t calls;
};

struct storm_shared {
	_Atomic uint32_t rows;
	_Atomic uint64_t extra[16]; /* the storm's own sums over its processes */
	struct storm_row row[STORM_PROCESSES];
};

static struct storm_shared *storm_shared;
static struct storm_row *storm_row;
static uint64_t storm_deadline_ns;

/* In a fresh process: counts of its own from here on. */
static inline void storm_child(void)
{
	uint32_t n = atomic_fetch_add(&storm_shared->rows, 1);

	if (n >= STORM_PROCESSES)
		_exit(99);
	storm_row = &storm_shared->row[n];
	atomic_store(&storm_row->pid, (int32_t)syscall(SYS_getpid));
}

static inline void storm_begin(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;

	storm_shared = mmap(NULL, sizeof(*storm_shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm_shared == MAP_FAILED)
		exit(98);
	storm_deadline_ns = work_clock(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	storm_child();
}

static inline int storm_running(void)
{
	return work_clock(CLOCK_MONOTONIC) < storm_deadline_ns;
}

/* The site by which the storm's allocations are found in the trace. */
static FRAME void *storm_malloc(size_t bytes)
{
	void *p = malloc(bytes);

	__asm__ volatile("" : "+r"(p) : : "memory");
	if (p) {
		atomic_fetch_add_explicit(&storm_row->calls, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&storm_row->live, 1, memory_order_relaxed);
	}
	return p;
}

static FRAME __attribute__((unused)) void *storm_realloc(void *block, size_t bytes)
{
	void *p = realloc(block, bytes);

	__asm__ volatile("" : "+r"(p) : : "memory");
	if (p) {
		atomic_fetch_add_explicit(&storm_row->calls, 1, memory_order_relaxed);
		if (!block)
			atomic_fetch_add_explicit(&storm_row->live, 1, memory_order_relaxed);
	}
	return p;
}

static FRAME void storm_free(void *block)
{
	if (block)
		atomic_fetch_sub_explicit(&storm_row->live, 1, memory_order_relaxed);
	free(block);
	STAY;
}

/* For a block that this process inherited: its allocation is the parent's. */
static FRAME __attribute__((unused)) void storm_free_inherited(void *block)
{
	free(block);
	STAY;
}

static inline void storm_load(const char *name, uint64_t n)
{
	printf("load %s %llu\n", name, (unsigned long long)n);
}

static inline void storm_must(const char *name, uint64_t n)
{
	printf("must %s %llu\n", name, (unsigned long long)n);
}

/* By the first process, once all others have ended.  An exit waits 200 ms for the
 * trace, which on a busy machine is too little for a ring that a storm has filled. */
static inline void storm_end(void)
{
	uint32_t rows = atomic_load(&storm_shared->rows);

	for (int i = 0; i < 30 && LIBPROF_FLUSH() == -ETIMEDOUT;)
		i++;
	for (uint32_t i = 0; i < rows; i++)
		printf("calls %d %llu %u\n", (int)storm_shared->row[i].pid,
		       (unsigned long long)storm_shared->row[i].calls, storm_shared->row[i].live);
	fflush(stdout);
}

#endif
