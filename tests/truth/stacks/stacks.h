/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks.h - what the programs of the truth corpus share.  Every function t_x has one place
 * that it can be called from, so that a sample's innermost t_x says which stack is
 * the truth; the programs print these stacks themselves, a line each, main first:
 *
 *	path main t_chain t_b t_c
 *
 * A sample may be anywhere along the way.  `name?` may be missing (a call in tail position),
 * `name+` is there once or more, `*` are frames of other modules (or of the language's own
 * library), however many; what a path begins with is the stack's root.
 */
#ifndef PROF_TRUTH_STACKS_H
#define PROF_TRUTH_STACKS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define APART __attribute__((noinline))

/* After a call at a function's end: keeps it from becoming a jump. */
#define STAY __asm__ volatile("" ::: "memory")

/* What makes one function's code differ from another's, so that none are merged. */
#define WORK(n)                                                                \
	do {                                                                   \
		uint64_t work_x = (n);                                         \
		for (int work_i = 0; work_i < 20000 + (n); work_i++) {         \
			work_x = work_x * UINT64_C(6364136223846793005) + (n); \
			__asm__ volatile("" : "+r"(work_x));                   \
		}                                                              \
	} while (0)

static inline uint64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#endif
