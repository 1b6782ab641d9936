/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c - records to rows.  Each getter reads its fields with the sticky
 * prof_slice and checks once a row; decode_refuse() ends the record, and what
 * is only doubtful is reported and delivered.  Samples: decode_samples.c.  Longer
 * than other files because all else that stands between a hostile trace and the
 * reader is to be read in one place.
 */
#include "decode.h"

#include "decode_ahead.h"
#include "decode_record.h"

#define RECORD_NAME(id, number, name) \
	case number: return name;

const char *decode_record_name(unsigned kind)
{
	switch (kind) {
		PROF_RECORDS(RECORD_NAME)
	}
	return NULL;
}

static void decode_tell(struct record *r, enum err err)
{
	const char *name = decode_record_name(r->event.kind);

	if (r->told == err)
		return;
	r->told = err;
	if (r->decoder->error)
		r->decoder->error(r->decoder->arg, r->event.offset, name ? name : "record", err);
}

bool decode_refuse(struct record *r, enum err err)
{
	decode_tell(r, err);
	r->decoder->lossy = true;
	return false;
}

static uint64_t get(struct record *r)
{
	return prof_get_varint(&r->slice);
}

bool decode_row(struct record *r, enum err err)
{
	if (r->slice.bad)
		return decode_refuse(r, ERR_RECORD_CUT);
	if (err)
		return decode_refuse(r, err);
	if (r->event.kind == PROF_REC_SAMPLES && r->decoder->samples)
		r->decoder->samples(r->decoder->arg, &r->event.sample, 1);
	else
		r->decoder->event(r->decoder->arg, &r->event);
	r->event.row++;
	return true;
}

uint64_t decode_count(struct record *r, uint64_t count, uint64_t most)
{
	if (r->slice.bad) {
		decode_refuse(r, ERR_RECORD_CUT);
		return 0;
	}
	if (count <= most)
		return count;
	decode_refuse(r, ERR_RECORD_COUNT);
	return most;
}

/* A count of rows that take at least row_bytes each. */
static uint64_t get_count(struct record *r, unsigned row_bytes)
{
	uint64_t count = get(r);

	return decode_count(r, count, prof_slice_left(&r->slice) / row_bytes);
}

uint32_t decode_reference(struct record *r, uint64_t id, uint32_t highest)
{
	if (id <= highest)
		return (uint32_t)id;
	if (!r->decoder->lossy)
		decode_tell(r, ERR_RECORD_REFERENCE);
	return DECODE_BAD_REFERENCE;
}

static uint32_t get_reference(struct record *r, uint32_t highest)
{
	return decode_reference(r, get(r), highest);
}

static uint32_t get_thread_id(struct record *r, enum err *err)
{
	uint64_t id = get(r);

	if (id >= DECODE_THREAD_ID_MAX)
		*err = ERR_RECORD_ID;
	return (uint32_t)id;
}

static uint64_t get_below(struct record *r, uint64_t max, enum err *err)
{
	uint64_t v = get(r);

	if (v > max)
		*err = ERR_RECORD_VALUE;
	return v;
}

static uint64_t get_time(struct record *r, enum err *err)
{
	return get_below(r, DECODE_NS_MAX, err);
}

/* The time of the next row; times before the start do not exist. */
static uint64_t get_time_delta(struct record *r, uint64_t t, enum err *err)
{
	t += (uint64_t)prof_unzigzag(get(r));
	if (t > DECODE_NS_MAX)
		*err = ERR_RECORD_VALUE;
	return t;
}

/* Ids are dense: the next one, or one already there.  What is defined behind a
 * hole is taken all the same: a frame before it is missing. */
static enum err decode_define(struct record *r, uint32_t *highest, uint64_t id, uint32_t max)
{
	if (id == 0 || id >= max)
		return ERR_RECORD_ID;
	if (id > (uint64_t)*highest + 1 && !r->decoder->lossy) {
		decode_tell(r, ERR_RECORD_ID);
		r->decoder->lossy = true;
	}
	if (id > *highest)
		*highest = (uint32_t)id;
	return ERR_NONE;
}

static void get_string(struct record *r)
{
	struct row_string *row = &r->event.string;
	uint64_t id = get(r);
	enum err err = ERR_NONE;

	if (!r->slice.bad)
		err = decode_define(r, &r->decoder->strings, id, DECODE_STRING_ID_MAX);
	row->id = (uint32_t)id;
	row->len = prof_slice_left(&r->slice);
	row->text = prof_get_bytes(&r->slice, row->len);
	decode_row(r, err);
}

static void get_mapping(struct record *r)
{
	struct row_mapping *row = &r->event.mapping;
	uint64_t id = get(r);
	enum err err = ERR_NONE;

	row->id = (uint32_t)id;
	row->flags = get(r);
	row->start = get(r);
	row->end = get(r);
	row->file_offset = get(r);
	row->load_bias = get(r);
	row->t = get_time(r, &err);
	row->dev = get(r);
	row->ino = get(r);
	row->path = get_reference(r, r->decoder->strings);
	row->build_id_len = get(r);
	row->build_id = prof_get_bytes(&r->slice, row->build_id_len);
	if (row->end < row->start)
		err = ERR_RECORD_RANGE;
	if (!err && !r->slice.bad)
		err = decode_define(r, &r->decoder->mappings, id, DECODE_MAPPING_ID_MAX);
	decode_row(r, err);
}

static void get_nodes(struct record *r)
{
	struct row_node *row = &r->event.node;
	uint64_t id = get(r), count = get_count(r, 3), delta, tag;
	enum err err;

	for (uint64_t i = 0; i < count; i++, id++) {
		if (i % DECODE_AHEAD == 0)
			decode_ahead_nodes(r->decoder, r->slice, id);
		delta = get(r);
		tag = get(r);
		row->offset = get(r);
		row->id = (uint32_t)id;
		row->parent = (uint32_t)(id - delta);
		row->guessed = tag & PROF_NODE_GUESSED;
		row->mapping = (uint32_t)(tag >> 1);
		if (tag >> 1 > r->decoder->mappings) {
			row->mapping = DECODE_BAD_REFERENCE;
			if (!r->decoder->lossy)
				decode_tell(r, ERR_RECORD_REFERENCE);
		}
		err = delta == 0 || delta > id ? ERR_RECORD_PARENT : ERR_NONE;
		if (!err && !r->slice.bad)
			err = decode_define(r, &r->decoder->nodes, id, DECODE_NODE_ID_MAX);
		if (!decode_row(r, err))
			break;
	}
}

static void get_thread(struct record *r)
{
	struct row_thread *row = &r->event.thread;
	enum err err = ERR_NONE;

	row->thread = get_thread_id(r, &err);
	row->tid = get(r);
	row->flags = get(r);
	row->t_start = get_time(r, &err);
	row->name = get_reference(r, r->decoder->strings);
	row->creator = get_thread_id(r, &err);
	row->stack = get_reference(r, r->decoder->nodes);
	row->start_mapping = get_reference(r, r->decoder->mappings);
	row->start_offset = get(r);
	decode_row(r, row->thread ? err : ERR_RECORD_ID);
}

static void get_heap(struct record *r)
{
	struct row_heap *row = &r->event.heap;
	enum err err = ERR_NONE;
	uint64_t count;

	row->t = get_time(r, &err);
	row->mean = get_below(r, DECODE_SIZE_MAX, &err);
	count = get_count(r, 4);
	for (uint64_t i = 0; i < count; i++) {
		if (i % DECODE_AHEAD == 0)
			decode_ahead_heap(r->decoder, r->slice);
		row->op = get(r);
		row->t = get_time_delta(r, row->t, &err);
		row->thread = get_thread_id(r, &err);
		row->block = get(r);
		row->size = row->sampled_size = 0;
		row->stack = 0;
		if (row->op == PROF_HEAP_ALLOC || row->op == PROF_HEAP_ALLOC_AS) {
			row->size = get_below(r, DECODE_SIZE_MAX, &err);
			row->sampled_size = row->size;
			if (row->op == PROF_HEAP_ALLOC_AS)
				row->sampled_size = get_below(r, DECODE_SIZE_MAX, &err);
			row->op = PROF_HEAP_ALLOC;
			row->stack = get_reference(r, r->decoder->nodes);
		} else if (row->op != PROF_HEAP_FREE) {
			err = ERR_RECORD_OP;
		}
		if (!decode_row(r, err))
			break;
	}
}

static void get_live(struct record *r)
{
	struct row_live *row = &r->event.live;
	enum err err = ERR_NONE;
	uint64_t count;

	row->mean = get_below(r, DECODE_SIZE_MAX, &err);
	count = get_count(r, 6);
	for (uint64_t i = 0; i < count; i++) {
		row->block = get(r);
		row->t = get_time(r, &err);
		row->thread = get_thread_id(r, &err);
		row->size = get_below(r, DECODE_SIZE_MAX, &err);
		row->sampled_size = get_below(r, DECODE_SIZE_MAX, &err);
		if (!row->sampled_size)
			row->sampled_size = row->size;
		row->stack = get_reference(r, r->decoder->nodes);
		if (!decode_row(r, err))
			break;
	}
}

static void get_thread_stats(struct record *r)
{
	struct row_thread_stats *row = &r->event.thread_stats;
	enum err err = ERR_NONE;
	uint64_t count;

	row->t = get_time(r, &err);
	count = get_count(r, 7);
	for (uint64_t i = 0; i < count; i++) {
		row->thread = get_thread_id(r, &err);
		row->flags = get(r);
		row->cpu_ns = get_time(r, &err);
		row->user_ns = get_time(r, &err);
		row->system_ns = get_time(r, &err);
		row->alloc_calls = get(r);
		row->alloc_bytes = get(r);
		if (!decode_row(r, row->thread ? err : ERR_RECORD_ID))
			break;
	}
}

static void get_process_stats(struct record *r)
{
	struct row_process_stats *row = &r->event.process_stats;
	enum err err = ERR_NONE;

	row->t = get_time(r, &err);
	row->cpu_ns = get_time(r, &err);
	row->rss_bytes = get(r);
	row->vsize_bytes = get(r);
	row->self_cpu_ns = get_time(r, &err);
	row->self_bytes = get(r);
	if (prof_slice_left(&r->slice)) /* older writers end here */
		row->rss_peak_bytes = get(r);
	decode_row(r, err);
}

static void get_loss(struct record *r)
{
	struct row_loss *row = &r->event.loss;
	enum err err = ERR_NONE;

	row->t = get_time(r, &err);
	row->code = get(r);
	row->count = get(r);
	row->detail = get(r);
	decode_row(r, err);
}

static void get_engine(struct record *r)
{
	struct row_engine *row = &r->event.engine;
	enum err err = ERR_NONE;

	row->t = get_time(r, &err);
	row->engine = get(r);
	row->state = get(r);
	row->error = get(r);
	row->name = get_reference(r, r->decoder->strings);
	row->text = get_reference(r, r->decoder->strings);
	decode_row(r, err);
}

static void get_mark(struct record *r)
{
	struct row_mark *row = &r->event.mark;
	enum err err = ERR_NONE;

	row->t = get_time(r, &err);
	row->mark = get(r);
	row->value = get(r);
	decode_row(r, err);
}

static void get_cumulative(struct record *r)
{
	struct row_cumulative *row = &r->event.cumulative;
	enum err err = ERR_NONE;
	uint64_t count;

	row->t = get_time(r, &err);
	row->ended_threads = get(r);
	row->cpu_ns = get_time(r, &err);
	row->user_ns = get_time(r, &err);
	row->system_ns = get_time(r, &err);
	row->alloc_calls = get(r);
	row->alloc_bytes = get(r);
	row->samples = get(r);
	row->sample_ns = get(r);
	row->heap_events = get(r);
	row->segments_dropped = get(r);
	count = get_count(r, 2);
	if (!decode_row(r, err))
		return;
	for (uint64_t i = 0; i < count; i++) {
		row->code = get(r);
		row->total = get(r);
		if (!decode_row(r, ERR_NONE))
			break;
	}
}

static void get_end(struct record *r)
{
	struct row_end *row = &r->event.end;
	enum err err = ERR_NONE;

	row->t = get_time(r, &err);
	row->reason = get(r);
	decode_row(r, err);
}

static void get_unknown(struct record *r)
{
	decode_row(r, ERR_NONE);
}

static void (*const getters[])(struct record *) = {
	[PROF_REC_STRING] = get_string,
	[PROF_REC_MAPPING] = get_mapping,
	[PROF_REC_NODES] = get_nodes,
	[PROF_REC_THREAD] = get_thread,
	[PROF_REC_SAMPLES] = decode_samples,
	[PROF_REC_HEAP] = get_heap,
	[PROF_REC_LIVE] = get_live,
	[PROF_REC_THREAD_STATS] = get_thread_stats,
	[PROF_REC_PROCESS_STATS] = get_process_stats,
	[PROF_REC_LOSS] = get_loss,
	[PROF_REC_ENGINE] = get_engine,
	[PROF_REC_MARK] = get_mark,
	[PROF_REC_CUMULATIVE] = get_cumulative,
	[PROF_REC_END] = get_end,
	[PROF_REC_SAMPLE_COLUMNS] = decode_sample_columns,
};

void decode_frame(struct decoder *decoder, const uint8_t *data, size_t len)
{
	struct prof_slice content = { data, data + len, false };
	struct record r;

	while (prof_slice_left(&content)) {
		memset(&r, 0, sizeof(r));
		r.decoder = decoder;
		r.event.offset = (size_t)(content.p - data);
		r.event.kind = *content.p++;
		r.event.len = prof_get_varint(&content);
		r.slice.p = prof_get_bytes(&content, r.event.len);
		if (content.bad) {
			decode_refuse(&r, ERR_RECORD_LENGTH);
			break;
		}
		r.slice.end = r.slice.p + r.event.len;
		decoder->records++;
		if (r.event.kind < G_N_ELEMENTS(getters) && getters[r.event.kind])
			getters[r.event.kind](&r);
		else
			get_unknown(&r);
	}
}
