/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.h - the content of a frame, record by record, as one struct event a
 * row: one get_<record>() here for each put_<record>() of the writer.  Called
 * by profile_build.c and out_dump.c.  Every bounds check on trace content lives
 * in decode.c and decode_samples.c: rows are delivered as they are read, nothing is allocated by a
 * count, and a damaged record costs the rest of itself only.
 */
#ifndef PROF_DECODE_H
#define PROF_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "prof_format.h"
#include "prof_wire.h"

/* Ids from here on are refused.  A damaged one may be far above those before it,
 * and the tables of ids have no holes: all three together take 44 MiB.  A writer
 * has four million nodes at most. */
#define DECODE_NODE_ID_MAX (8u << 20)
#define DECODE_STRING_ID_MAX (1u << 20)
#define DECODE_MAPPING_ID_MAX (1u << 20)
#define DECODE_THREAD_ID_MAX (16u << 20)

#define DECODE_NS_MAX (INT64_MAX)		 /* times and sums of times above are refused */
#define DECODE_WEIGHT_NS_MAX (UINT64_C(1) << 53) /* one sample: 104 days */
#define DECODE_SIZE_MAX (UINT64_C(1) << 56)	 /* one block; x86-64's address space */

/* A reference to something that is not defined; 0 is "none". */
#define DECODE_BAD_REFERENCE UINT32_MAX

struct row_string {
	uint32_t id;
	const uint8_t *text; /* in the frame's content */
	size_t len;
};

struct row_mapping {
	uint32_t id, path;
	uint64_t flags, start, end, file_offset, load_bias, t, dev, ino;
	const uint8_t *build_id;
	size_t build_id_len;
};

struct row_node {
	uint32_t id, parent; /* parent 0: outermost */
	uint32_t mapping;    /* 0: offset is an enum prof_marker */
	bool guessed;
	uint64_t offset;
};

struct row_thread {
	uint32_t thread, name, creator, stack, start_mapping;
	uint64_t tid, flags, t_start, start_offset;
};

struct row_sample {
	uint64_t t, period_ns, weight; /* weight in periods */
	uint64_t weight_ns;
	uint32_t thread, stack, cpu;
	bool in_kernel;
};

struct row_heap {
	uint64_t op, t, block, mean; /* enum prof_heap_op */
	uint64_t size, sampled_size; /* 0 for frees; equal but for PROF_HEAP_ALLOC_AS */
	uint32_t thread, stack;	     /* stack 0 for frees */
};

struct row_live {
	uint64_t block, t, size, sampled_size, mean;
	uint32_t thread, stack;
};

struct row_thread_stats {
	uint64_t t, flags, cpu_ns, user_ns, system_ns, alloc_calls, alloc_bytes;
	uint32_t thread;
};

struct row_process_stats {
	uint64_t t, cpu_ns, rss_bytes, vsize_bytes, self_cpu_ns, self_bytes;
	uint64_t rss_peak_bytes; /* 0: unknown */
};

struct row_loss {
	uint64_t t, code, count, detail;
};

struct row_engine {
	uint64_t t, engine, state, error;
	uint32_t name, text;
};

struct row_mark {
	uint64_t t, mark, value;
};

/* Row 0 has the sums, the rows after it one loss total each. */
struct row_cumulative {
	uint64_t t, ended_threads, cpu_ns, user_ns, system_ns, alloc_calls, alloc_bytes;
	uint64_t samples, sample_ns, heap_events, segments_dropped;
	uint64_t code, total;
};

struct row_end {
	uint64_t t, reason;
};

struct event {
	/* enum prof_record, or a number this version does not know.  Rows of sample columns
	 * come as samples. */
	unsigned kind;
	size_t offset; /* of the record in the frame's content */
	size_t len;    /* of its payload */
	uint64_t row;  /* 0 for the first row of the record */
	union {
		struct row_string string;
		struct row_mapping mapping;
		struct row_node node;
		struct row_thread thread;
		struct row_sample sample;
		struct row_heap heap;
		struct row_live live;
		struct row_thread_stats thread_stats;
		struct row_process_stats process_stats;
		struct row_loss loss;
		struct row_engine engine;
		struct row_mark mark;
		struct row_cumulative cumulative;
		struct row_end end;
	};
};

/* Rows of samples are handed out by so many at most. */
#define DECODE_BATCH 256u

/* So many rows are looked at ahead. */
#define DECODE_AHEAD 64u

/* What a row to come may lead to; nobody has checked it. */
struct decode_hint {
	uint32_t node;	  /* nodes: the caller; heap: the stack */
	uint32_t mapping; /* nodes */
	uint64_t number;  /* nodes: the offset; heap: the block */
};

/* Decodes one segment; a zeroed one with the callbacks' fields set is ready.
 * event is called for each row that is whole; error for each record
 * with something wrong (offset in the frame's content), once per record and
 * kind of error, after the rows before it.  Events must not be kept. */
struct decoder {
	void (*event)(void *arg, const struct event *event);
	void (*error)(void *arg, size_t offset, const char *record, enum err err);
	/* Not NULL: takes the rows of samples, several at once, and event does not. */
	void (*samples)(void *arg, const struct row_sample *rows, size_t n);
	/* Not NULL: told of rows of nodes and heap (kind) before they come. */
	void (*ahead)(void *arg, unsigned kind, const struct decode_hint *hints, size_t n);
	void *arg;
	/* A part of the segment is missing: ids may have holes and references
	 * may lead into them without being an error.  Set by the caller when a
	 * frame was lost, and here when a record was. */
	bool lossy;
	/* Highest ids defined so far. */
	uint32_t strings, mappings, nodes;
	uint64_t records;
};

/* Decodes the content of one frame. */
void decode_frame(struct decoder *decoder, const uint8_t *data, size_t len);

/* "samples"; NULL for kinds this version does not know. */
const char *decode_record_name(unsigned kind);

#endif
