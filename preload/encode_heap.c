/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_heap.c - see encode.h and encode_private.h: rows of allocations, frees and
 * blocks that are alive.  The distance between samples is a field of their record: rows of
 * another are of another record.
 */
#include "apart.h"
#include "blocks.h"
#include "encode_private.h"

#define BATCHES_MAX 512u

struct batch {
	struct encode_batch rows;
	uint64_t mean; /* distance of its samples; 0: of none yet */
	size_t begin;  /* in the buffer */
};

static struct batch heap_batches[BATCHES_MAX] APART, live_batches[BATCHES_MAX] APART;
static struct batches {
	struct batch *batch;
	unsigned used; /* the last of which is being filled */
} heap = { .batch = heap_batches }, live = { .batch = live_batches };

struct buffer encode_heap_rows, encode_live_rows;

void encode_heap_init(void)
{
	heap.used = live.used = 0;
}

bool encode_heap_full(void)
{
	return heap.used == BATCHES_MAX || live.used == BATCHES_MAX;
}

/* The batch that takes the next of rows, of this mean; 0: any will do. */
static struct encode_batch *batch_of(struct batches *b, const struct buffer *rows, uint64_t mean)
{
	struct batch *last = b->used ? &b->batch[b->used - 1] : NULL;

	if (last && !last->mean)
		last->mean = mean;
	if (!last || (mean && last->mean != mean)) {
		last = &b->batch[b->used++];
		*last = (struct batch){ .mean = mean, .begin = rows->used };
	}
	return &last->rows;
}

void encode_alloc(struct thread_info *t, const struct block *b)
{
	struct encode_batch *batch = batch_of(&heap, &encode_heap_rows, b->mean);
	bool as = b->sampled_size != b->size;
	uint32_t id = encode_node(b->node);

	buffer_put(&encode_heap_rows, as ? PROF_HEAP_ALLOC_AS : PROF_HEAP_ALLOC);
	buffer_put_signed(&encode_heap_rows, encode_batch_step(batch, b->t_ns, 0));
	buffer_put(&encode_heap_rows, encode_thread_id(t));
	buffer_put(&encode_heap_rows, b->id);
	buffer_put(&encode_heap_rows, b->size);
	if (as)
		buffer_put(&encode_heap_rows, b->sampled_size);
	buffer_put(&encode_heap_rows, id);
}

void encode_free(uint64_t t_ns, struct thread_info *t, uint64_t block)
{
	struct encode_batch *batch = batch_of(&heap, &encode_heap_rows, 0);

	buffer_put(&encode_heap_rows, PROF_HEAP_FREE);
	buffer_put_signed(&encode_heap_rows, encode_batch_step(batch, t_ns, 0));
	buffer_put(&encode_heap_rows, encode_thread_id(t));
	buffer_put(&encode_heap_rows, block);
}

void encode_live(const struct block *b)
{
	struct encode_batch *batch = batch_of(&live, &encode_live_rows, b->mean);
	uint32_t id = encode_node(b->node);

	batch->count++;
	buffer_put(&encode_live_rows, b->id);
	buffer_put(&encode_live_rows, encode_since_start(b->t_ns));
	buffer_put(&encode_live_rows, b->thread);
	buffer_put(&encode_live_rows, b->size);
	buffer_put(&encode_live_rows, b->sampled_size != b->size ? b->sampled_size : 0);
	buffer_put(&encode_live_rows, id);
}

/* A record of each batch: its fixed fields, then its rows. */
static void take(struct buffer *frame, const struct buffer *rows, enum prof_record kind,
		 struct batches *batches)
{
	for (unsigned i = 0; i < batches->used; i++) {
		const struct batch *b = &batches->batch[i];
		size_t end = i + 1 < batches->used ? b[1].begin : rows->used;
		size_t payload = encode_record_begin(frame, kind);

		if (kind == PROF_REC_HEAP)
			buffer_put(frame, b->rows.t0);
		buffer_put(frame, b->mean);
		buffer_put(frame, b->rows.count);
		buffer_put_bytes(frame, rows->bytes + b->begin, end - b->begin);
		encode_record_end(frame, payload);
	}
	batches->used = 0;
}

void encode_live_take(struct buffer *frame)
{
	take(frame, &encode_live_rows, PROF_REC_LIVE, &live);
}

void encode_heap_take(struct buffer *frame)
{
	take(frame, &encode_heap_rows, PROF_REC_HEAP, &heap);
}
