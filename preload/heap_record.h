/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_record.h - what the allocation hooks put into the event ring: sampled
 * allocations with registers and stack, their frees, and the sites of
 * pthread_create.  t is the calling thread.  Signals stay open: a handler may come in
 * between, record its own, fork, and return or leave by siglongjmp; nothing here is a
 * lock, or waited for by anybody.
 */
#ifndef PROF_HEAP_RECORD_H
#define PROF_HEAP_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "thread.h"

/* [hook] block, of bytes, was sampled by sampled_bytes (an allocator's size class, or
 * bytes itself) and the distance of mean_shift (heap_rate.h): remembers it as alive and records it. */
void heap_record_alloc(struct thread_state *t, void *block, size_t bytes, size_t sampled_bytes,
		       uint8_t mean_shift);

/* [hook] block, in the live table unless another thread takes it out, is being freed. */
void heap_record_free(struct thread_state *t, const void *block);

/* [hook] The sampled block id, taken out of the live table, was moved by realloc. */
void heap_record_moved(struct thread_state *t, uint64_t id);

/* [hook] Records the calling site of pthread_create once a site: pc is the call's
 * return address. */
void heap_record_creation(struct thread_state *t, uint64_t pc);

#endif
