/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_private.h - what encode.c and encode_facts.c share: two of the buffers
 * that become a frame, and the way a record is put into one.  The writer's.
 */
#ifndef PROF_ENCODE_PRIVATE_H
#define PROF_ENCODE_PRIVATE_H

#include "encode.h"

/* Definitions, which open a frame; single records, which close it. */
extern struct buffer encode_defs, encode_misc;

/* [writer] A CLOCK_MONOTONIC time as the trace counts it. */
uint64_t encode_since_start(uint64_t t_ns);

/* [writer] Opens a record in b, whose payload (below 2 MiB) then is written
 * straight behind; returns what encode_record_end wants. */
size_t encode_record_begin(struct buffer *b, enum prof_record kind);
void encode_record_end(struct buffer *b, size_t payload);

/* [writer] Defines a thread in the current segment, unless it is there as it is now; its id. */
uint32_t encode_thread_id(struct thread_info *t);

/* [writer] Defines a string in the current segment; its id. */
uint32_t encode_string(const char *text);

#endif
