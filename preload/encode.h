/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.h - from things that happened to the bytes of a frame (FORMAT.md):
 * one encode_x for each record kind.  The writer's alone.  Definitions
 * (strings, mappings, nodes) are written by themselves the first time a
 * segment needs them.
 *
 * Records collect in a few buffers, one for each kind that comes in batches, and for each
 * field of samples;
 * encode_take puts them together into the content of one frame.
 */
#ifndef PROF_ENCODE_H
#define PROF_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "../include/prof_format.h"
#include "buffer.h"
#include "thread.h"

/* The writer's view of one thread, see roster.h. */
struct thread_info;

/* [writer] 0 or -ENOMEM.  start_ns is time 0 of the trace; frame_bytes is about how
 * much one frame may hold. */
int encode_init(uint64_t start_ns, uint64_t period_ns, uint64_t frame_bytes);

/* [writer] From here on definitions are for another segment. */
void encode_new_segment(void);

/* Times are CLOCK_MONOTONIC ns; node is stack.h's. */
void encode_thread(struct thread_info *t);
void encode_sample(uint64_t t_ns, struct thread_info *t, uint32_t cpu, bool in_kernel,
		   uint32_t weight, uint32_t node);
struct block;
void encode_alloc(struct thread_info *t, const struct block *b);
void encode_free(uint64_t t_ns, struct thread_info *t, uint64_t block);
void encode_live(const struct block *b);
void encode_thread_stats(uint64_t t_ns, struct thread_info *t, unsigned flags);
void encode_process_stats(uint64_t t_ns, uint64_t cpu_ns, uint64_t rss, uint64_t vsize,
			  uint64_t self_cpu_ns, uint64_t self_bytes, uint64_t rss_peak);
void encode_loss(uint64_t t_ns, unsigned code, uint64_t count, uint64_t detail);
void encode_engine(uint64_t t_ns, unsigned engine, unsigned state, int error, const char *name,
		   const char *text);
void encode_mark(uint64_t t_ns, unsigned mark, uint64_t value);
void encode_end(uint64_t t_ns, unsigned reason);

/* Sums over what earlier segments hold, see FORMAT.md. */
struct encode_cumulative {
	uint64_t ended_threads;
	struct thread_totals ended;
	uint64_t samples, sample_ns, heap_events, segments_dropped;
	uint64_t lost[PROF_LOSS_CODES];
};
void encode_cumulative(uint64_t t_ns, const struct encode_cumulative *c);

/* [writer] True when the next record might not fit: take first. */
bool encode_full(void);

/* [writer] True when there is anything to take. */
bool encode_pending(void);

/* [writer] The content of one frame: all that was encoded since the last take,
 * in an order in which definitions come first.  Valid until the next encode. */
const struct buffer *encode_take(void);

/* [writer] Memory the buffers use. */
uint64_t encode_touched_bytes(void);

#endif
