/* SPDX-License-Identifier: Apache-2.0
 *
 * work.h - what the programs under tests/work share.  Each is a small program
 * that knows what a profiler should find in it and prints that truth, one
 * `key value...` a line, for the end-to-end tests to compare with.
 */
#ifndef PROF_WORK_H
#define PROF_WORK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A function with a frame and a name of its own in every build. */
#ifdef __clang__
#define FRAME __attribute__((noinline))
#else
#define FRAME __attribute__((noinline, noclone))
#endif
/* After a call at a function's end: keeps it from becoming a jump. */
#define STAY __asm__ volatile("" ::: "memory")

#define MS UINT64_C(1000000)

static inline uint64_t work_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t work_thread_cpu(void)
{
	return work_clock(CLOCK_THREAD_CPUTIME_ID);
}

static inline int work_tid(void)
{
	return (int)syscall(SYS_gettid);
}

/* A fixed amount of user CPU time in the function that it is written in. */
static inline __attribute__((always_inline)) void work_spin(uint64_t iterations)
{
	uint64_t x = iterations;

	for (uint64_t i = 0; i < iterations; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
		__asm__ volatile("" : "+r"(x));
	}
}

/* User CPU time of ns on this thread's clock, in the function it is written in. */
static inline __attribute__((always_inline)) void work_burn(uint64_t ns)
{
	uint64_t end = work_thread_cpu() + ns;

	while (work_thread_cpu() < end)
		work_spin(20000);
}

/* An allocation and its free that no compiler takes out. */
static inline __attribute__((always_inline)) void work_alloc(size_t bytes)
{
	void *p = malloc(bytes);

	__asm__ volatile("" : "+r"(p) : : "memory");
	free(p);
}

/* The n-th argument as a number, or otherwise. */
static inline uint64_t work_arg(int argc, char **argv, int n, uint64_t otherwise)
{
	return n < argc ? strtoull(argv[n], NULL, 0) : otherwise;
}

static inline void work_sleep_ms(uint64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000 * 1000000) };

	while (nanosleep(&ts, &ts))
		;
}

#endif
