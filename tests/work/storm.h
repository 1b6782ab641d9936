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
 *	storm_end();                    a line a process:
 *	                                calls PID ALLOCATIONS LIVE RACING LATE LATE_FREES
 *
 * A forked child calls storm_child() before anything else.  Every block of the
 * storm must come and go by storm_malloc, storm_realloc, storm_free: LIVE is
 * how many of the blocks a process allocated it did not free itself.  A process
 * that ends while other threads of it go on calls storm_settle() first: RACING
 * are the calls that had not returned then, which no profiler can promise to have seen.
 * LATE and LATE_FREES are those that a process which has died without notice may leave out
 * of its trace: they had not returned when its last storm_flush() began nor a second before
 * the last of all.
 */
#ifndef PROF_STORM_H
#define PROF_STORM_H

#include "work.h"

#include <errno.h>
#ifndef __cplusplus
#include <stdatomic.h>
#endif
#include <sys/mman.h>

#include "../../include/libprof.h"

#define STORM_PROCESSES 65536u

#define STORM_OLD_NS UINT64_C(1000000000)

struct storm_mark {
	uint64_t t_ns, calls, freed;
};

struct storm_row {
	int32_t pid;
	int32_t live;
	uint64_t begun, calls, settled, frees, freed;
	struct storm_mark flushed, old[2];
};

struct storm_shared {
	uint32_t rows;
	uint64_t extra[16]; /* the storm's own sums over its processes */
	struct storm_row row[STORM_PROCESSES];
};

#define STORM_ADD(word, n) __atomic_fetch_add(&(word), (n), __ATOMIC_RELAXED)

static struct storm_shared *storm_shared;
static struct storm_row *storm_row;
static uint64_t storm_deadline_ns;

/* In a fresh process: counts of its own from here on. */
static inline void storm_child(void)
{
	uint32_t n = STORM_ADD(storm_shared->rows, 1);

	if (n >= STORM_PROCESSES)
		_exit(99);
	storm_row = &storm_shared->row[n];
	storm_row->pid = (int32_t)syscall(SYS_getpid);
}

static inline void storm_begin(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;

	void *shared = mmap(NULL, sizeof(*storm_shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		exit(98);
	storm_shared = (struct storm_shared *)shared;
	storm_deadline_ns = work_clock(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	storm_child();
}

static inline void storm_settle(void)
{
	storm_row->settled = storm_row->calls;
}

static inline int storm_running(void)
{
	return work_clock(CLOCK_MONOTONIC) < storm_deadline_ns;
}

/* Keeps what had been done a second ago, or earlier; racing threads: one of them does. */
static inline void storm_remember(void)
{
	struct storm_row *row = storm_row;
	uint64_t now = work_clock(CLOCK_MONOTONIC_COARSE), then = row->old[1].t_ns;

	if (now - then < STORM_OLD_NS ||
	    !__atomic_compare_exchange_n(&row->old[1].t_ns, &then, now, 0, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	row->old[0].calls = row->old[1].calls;
	row->old[0].freed = row->old[1].freed;
	row->old[1].calls = row->calls;
	row->old[1].freed = row->freed;
}

/* The site by which the storm's allocations are found in the trace. */
static FRAME __attribute__((unused)) void *storm_malloc(size_t bytes)
{
	void *p;

	storm_remember();
	STORM_ADD(storm_row->begun, 1);
	p = malloc(bytes);
	__asm__ volatile("" : "+r"(p) : : "memory");
	if (p) {
		STORM_ADD(storm_row->calls, 1);
		STORM_ADD(storm_row->live, 1);
	}
	return p;
}

static FRAME __attribute__((unused)) void *storm_realloc(void *block, size_t bytes)
{
	void *p;

	STORM_ADD(storm_row->begun, 1);
	p = realloc(block, bytes);
	__asm__ volatile("" : "+r"(p) : : "memory");
	if (p) {
		STORM_ADD(storm_row->calls, 1);
		if (!block)
			STORM_ADD(storm_row->live, 1);
	}
	return p;
}

static FRAME __attribute__((unused)) void storm_free(void *block)
{
	if (block) {
		STORM_ADD(storm_row->live, -1);
		STORM_ADD(storm_row->frees, 1);
	}
	free(block);
	STORM_ADD(storm_row->freed, block != NULL);
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

/* Before a process ends: exit waits 200 ms for the trace, _exit 100, which on a busy
 * machine is too little for a ring that a storm has filled. */
static inline void storm_flush(void)
{
	struct storm_mark now = { 0, storm_row->calls, storm_row->freed };
	int err = -ETIMEDOUT;

	for (int i = 0; i < 30 && err == -ETIMEDOUT; i++)
		err = LIBPROF_FLUSH();
	if (!err)
		storm_row->flushed = now;
}

static inline void storm_say(const struct storm_row *row)
{
	uint64_t calls = row->flushed.calls, freed = row->flushed.freed;

	calls = row->old[0].calls > calls ? row->old[0].calls : calls;
	freed = row->old[0].freed > freed ? row->old[0].freed : freed;
	printf("calls %d %llu %d %llu %llu %llu\n", row->pid, (unsigned long long)row->calls,
	       row->live, (unsigned long long)(row->settled ? row->begun - row->settled : 0),
	       (unsigned long long)(row->begun - calls), (unsigned long long)(row->frees - freed));
}

/* By the first process, once all others have ended. */
static inline void storm_end(void)
{
	storm_flush();
	for (uint32_t i = 0; i < storm_shared->rows; i++)
		storm_say(&storm_shared->row[i]);
	fflush(stdout);
}

#endif
