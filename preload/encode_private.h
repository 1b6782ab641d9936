/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_private.h - what encode.c, encode_heap.c and encode_facts.c share: four of the
 * buffers that become a frame, and the way a record is put into one.  The writer's.
 */
#ifndef PROF_ENCODE_PRIVATE_H
#define PROF_ENCODE_PRIVATE_H

#include "encode.h"

/* Definitions, which open a frame; single records, which close it. */
extern struct buffer encode_defs, encode_misc;

/* Rows of heap samples and of blocks that are alive. */
extern struct buffer encode_heap_rows, encode_live_rows;

/* Rows of one record being filled: its fixed fields are written when it is taken. */
struct encode_batch {
	uint64_t count, t0, t_last;
};

/* [writer] Time of the next row, as its difference from pace behind the row before. */
int64_t encode_batch_step(struct encode_batch *b, uint64_t t_ns, uint64_t pace);

/* [writer] A CLOCK_MONOTONIC time as the trace counts it. */
uint64_t encode_since_start(uint64_t t_ns);

/* [writer] Opens a record in b, whose payload (below 2 MiB) then is written
 * straight behind; returns what encode_record_end wants. */
size_t encode_record_begin(struct buffer *b, enum prof_record kind);
void encode_record_end(struct buffer *b, size_t payload);

/* [writer] Defines a thread in the current segment, unless it is there as it is now; its id. */
uint32_t encode_thread_id(struct thread_info *t);

/* [writer] Defines a stack in the current segment, unless it is there; its id. */
uint32_t encode_node(uint32_t node);

/* [writer] Defines a string in the current segment; its id. */
uint32_t encode_string(const char *text);

/* [writer] encode_heap.c: no rows; true when another may find no record to be of; the records that
 * the rows make, put into frame (the rows stay until their buffer is emptied). */
void encode_heap_init(void);
bool encode_heap_full(void);
void encode_heap_take(struct buffer *frame);
void encode_live_take(struct buffer *frame);

#endif
