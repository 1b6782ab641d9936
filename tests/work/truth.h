/* SPDX-License-Identifier: Apache-2.0
 *
 * truth.h - what the programs share that measure the truth about their CPU time
 * themselves: seeded draws, and work for one line of source.
 */
#ifndef PROF_TRUTH_H
#define PROF_TRUTH_H

#include "work.h"

#define CHUNK 16384

static __thread char chunk[CHUNK];

/* n chunks filled: one line of the function it stands in, and nearly all of it
 * one instruction.  The line's number keeps compilers from merging two of them. */
#define FILL(n)                                                                        \
	do {                                                                           \
		uint64_t left_ = (n);                                                  \
		char *to_ = chunk;                                                     \
		__asm__ volatile("1:\tmov %1, %%rdi\n\tmov %2, %%ecx\n\trep stosb\n\t" \
				 "dec %0\n\tjnz 1b # %c4"                              \
				 : "+r"(left_)                                         \
				 : "r"(to_), "i"(CHUNK), "a"(0), "i"(__LINE__)         \
				 : "rcx", "rdi", "memory", "cc");                      \
	} while (0)

/* Found out once, by truth_calibrate(). */
static double chunks_per_ns;

static FRAME void truth_calibrate(void)
{
	uint64_t began = work_thread_cpu();

	FILL(10000);
	chunks_per_ns = 10000 / (double)(work_thread_cpu() - began + 1);
}

/* Chunks that take about ns. */
static inline uint64_t truth_chunks(uint64_t ns)
{
	return 1 + (uint64_t)((double)ns * chunks_per_ns);
}

/* splitmix64 */
static inline uint64_t truth_draw(uint64_t *random)
{
	uint64_t x = *random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

#endif
