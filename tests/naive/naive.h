/* SPDX-License-Identifier: Apache-2.0
 *
 * naive.h - a profiler for LD_PRELOAD as one writes it the first time: it works
 * for a plain program and makes the mistake of nearly every situation in
 * tests/PITFALLS.md.  `make check-naive` runs the tests of those situations on
 * it: tests that it passes prove nothing.  Never use it for anything else.
 */
#ifndef PROF_NAIVE_H
#define PROF_NAIVE_H

#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct naive_thread {
	unsigned long events;
	char *stack_high;
};

extern __thread struct naive_thread *naive_self; /* of threads that we have seen start */
extern __thread bool naive_inside;		 /* one of our own calls is under way */
extern FILE *naive_log;
extern unsigned naive_active; /* threads that have begun and not ended */

void naive_resolve(void);
void naive_record_alloc(const void *block, size_t bytes);
void naive_record_free(const void *block);
void naive_thread_begin(void);
void naive_cpu_start(int hz);

#endif
