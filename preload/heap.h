/* SPDX-License-Identifier: Apache-2.0
 *
 * heap.h - the slow paths of the allocation hooks: who has to be sampled, and
 * the recording of it.  hook_alloc.c and hook_new.c hold the hot paths and
 * call these.  errno is what the real call left.
 */
#ifndef PROF_HEAP_H
#define PROF_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thread.h"

/* [hook] Call before the real allocation on a slow path, and after it with its
 * result (NULL: it failed) and the bytes asked for.  heap_after counts the
 * call, draws the next gap and records a sample when there is one. */
void heap_before(void);
void heap_after(void *block, size_t bytes);

/* [hook] block may be a sampled one (live_maybe): records its free if it is a sampled block.
 * False when the block belongs to no allocator and must not be freed. */
bool heap_free(void *block);

/* [hook] realloc's slow path, whole. */
void *heap_realloc(void *block, size_t bytes);

/* [hook] After a fork, in the parent; its next child draws other gaps than this one. */
void heap_note_fork(void);
/* [child] Before the forking thread is registered anew. */
void heap_reset_in_child(void);

/* [init] [child] Chooses the engine by LIBPROF_HEAP and what is there; *why says what is
 * missing when it is not what was asked for (else NULL). */
void heap_open(const char **why);

/* [writer] Name for the trace header ("program", "jemalloc 5.3.0", ...), and the mean bytes
 * between samples the engine really uses, where heap_rate.h has not doubled them. */
const char *heap_engine_name(void);
uint64_t heap_mean_bytes(void);

/* [hook] Tells whether the running allocation was sampled by jemalloc, and
 * forgets it (heap_jemalloc.c). */
bool jemalloc_sampled(const void *block);

/* [init] Hooks jemalloc's sampling.  0, or -errno and *why. */
int jemalloc_open(const char **why);
bool jemalloc_profiling_on(void);
const char *jemalloc_version(void);
uint64_t jemalloc_mean_bytes(void);

/* [init] True when the program's calls of malloc reach hook_alloc.c. */
bool hook_alloc_in_force(void);

#endif
