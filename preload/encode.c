/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.c - see encode.h.  No put here checks for room one by one: each
 * buffer keeps SLACK bytes free, more than any one event can write, and the
 * writer takes a frame when encode_full says so.
 */
#include "encode.h"

#include <errno.h>
#include <string.h>

#include "encode_private.h"
#include "maps.h"
#include "roster.h"
#include "stack.h"
#include "stats.h"
#include "sys.h"

/* One event writes at most UNWIND_FRAMES_MAX nodes of 25 bytes and as many
 * mappings as they touch; anything above a path a frame is out of reach. */
#define SLACK (256u << 10)
#define DEFS_BYTES (768u << 10)
#define NODES_BYTES (768u << 10)
#define BATCH_BYTES (640u << 10)
#define COLUMN_BYTES (384u << 10) /* SLACK, and as many values as a frame may have */
_Static_assert(5 * COLUMN_BYTES + 64 < 1u << 21, "the length of a record has three bytes");
#define TEXT_MAX 4096u

struct buffer encode_defs, encode_misc;
static struct buffer node_rows, threads, frame;
static struct {
	struct buffer dt, thread, cpu, weight, stack;
} sample;

/* Each gives its bytes to the frame, which is compressed into as many again. */
static const struct part {
	struct buffer *buffer;
	size_t bytes;
} parts[] = {
	{ &encode_defs, DEFS_BYTES },	    { &node_rows, NODES_BYTES },
	{ &threads, BATCH_BYTES },	    { &encode_heap_rows, BATCH_BYTES },
	{ &encode_live_rows, BATCH_BYTES }, { &encode_misc, BATCH_BYTES },
	{ &sample.dt, COLUMN_BYTES },	    { &sample.thread, COLUMN_BYTES },
	{ &sample.cpu, COLUMN_BYTES },	    { &sample.weight, COLUMN_BYTES },
	{ &sample.stack, COLUMN_BYTES },
};
#define PARTS (sizeof(parts) / sizeof(*parts))

static struct encode_batch samples;
static uint64_t nodes_first, nodes_count;

static uint64_t start, period, frame_limit;
static uint32_t segment; /* counts encode_new_segment calls; marks of older numbers are stale */
static uint32_t next_string, next_mapping, next_node;

int encode_init(uint64_t start_ns, uint64_t period_ns, uint64_t frame_bytes)
{
	size_t bytes = PROF_FRAME_BYTES_MAX;
	uint8_t *memory;

	for (size_t i = 0; i < PARTS; i++)
		bytes += parts[i].bytes;
	memory = sys_map_unforked(bytes); /* touched only as it fills */
	if (!memory)
		return -ENOMEM;
	buffer_init(&frame, &memory, PROF_FRAME_BYTES_MAX);
	for (size_t i = 0; i < PARTS; i++)
		buffer_init(parts[i].buffer, &memory, parts[i].bytes);
	start = start_ns;
	period = period_ns;
	frame_limit = frame_bytes < PROF_FRAME_BYTES_MAX - 2 * SLACK
			      ? frame_bytes
			      : PROF_FRAME_BYTES_MAX - 2 * SLACK;
	segment = 0;
	samples.count = nodes_count = 0;
	encode_heap_init();
	encode_new_segment();
	return 0;
}

void encode_new_segment(void)
{
	segment++;
	next_string = next_mapping = next_node = 1;
}

uint64_t encode_since_start(uint64_t t_ns)
{
	return t_ns > start ? t_ns - start : 0;
}

/* Opens a record whose payload is written straight behind it; the length is
 * filled in by record_end, in a varint of fixed width. */
size_t encode_record_begin(struct buffer *b, enum prof_record kind)
{
	buffer_put_byte(b, (uint8_t)kind);
	b->used += 3;
	return b->used;
}

/* Three bytes, seven bits each: payloads stay below 2 MiB. */
void encode_record_end(struct buffer *b, size_t payload)
{
	size_t n = b->used - payload;

	b->bytes[payload - 3] = (uint8_t)(n | 0x80);
	b->bytes[payload - 2] = (uint8_t)(n >> 7 | 0x80);
	b->bytes[payload - 1] = (uint8_t)(n >> 14);
}

uint32_t encode_string(const char *text)
{
	size_t payload = encode_record_begin(&encode_defs, PROF_REC_STRING);

	buffer_put(&encode_defs, next_string);
	buffer_put_bytes(&encode_defs, text, strnlen(text, TEXT_MAX));
	encode_record_end(&encode_defs, payload);
	return next_string++;
}

static uint32_t mapping_id(struct mapping *m)
{
	uint32_t path;
	size_t payload;

	if (m->segment == segment)
		return m->segment_id;
	path = *m->path ? encode_string(m->path) : 0;
	payload = encode_record_begin(&encode_defs, PROF_REC_MAPPING);
	buffer_put(&encode_defs, next_mapping);
	buffer_put(&encode_defs, m->flags);
	buffer_put(&encode_defs, m->start);
	buffer_put(&encode_defs, m->end);
	buffer_put(&encode_defs, m->file_offset);
	buffer_put(&encode_defs, m->load_bias);
	buffer_put(&encode_defs, encode_since_start(m->t_ns));
	buffer_put(&encode_defs, m->dev);
	buffer_put(&encode_defs, m->ino);
	buffer_put(&encode_defs, path);
	buffer_put(&encode_defs, m->build_id_len);
	buffer_put_bytes(&encode_defs, m->build_id, m->build_id_len);
	encode_record_end(&encode_defs, payload);
	m->segment = segment;
	return m->segment_id = next_mapping++;
}

static void put_node(struct stack_node *n)
{
	struct mapping *m = n->mapping ? maps_get(n->mapping) : NULL;
	uint64_t parent = n->parent ? stack_get(n->parent)->segment_id : 0;

	if (!nodes_count++)
		nodes_first = next_node;
	n->segment = segment;
	n->segment_id = next_node++;
	buffer_put(&node_rows, n->segment_id - parent);
	buffer_put(&node_rows, (m ? (uint64_t)mapping_id(m) << 1 : 0) | n->guessed);
	buffer_put(&node_rows, n->offset);
}

/* A node's callers are defined before it. */
uint32_t encode_node(uint32_t node)
{
	uint32_t missing[UNWIND_FRAMES_MAX + 256], n = 0, at = node;

	if (!node)
		return 0;
	while (at && stack_get(at)->segment != segment && n < sizeof(missing) / sizeof(*missing)) {
		missing[n++] = at;
		at = stack_get(at)->parent;
	}
	while (n--)
		put_node(stack_get(missing[n]));
	return stack_get(node)->segment_id;
}

void encode_thread(struct thread_info *t)
{
	struct mapping *m = t->start_pc ? maps_find(t->start_pc) : NULL;
	uint32_t name = t->name[0] ? encode_string(t->name) : 0;
	uint32_t creation = encode_node(t->creation_node);
	uint32_t start_mapping = m ? mapping_id(m) : 0;
	size_t payload = encode_record_begin(&threads, PROF_REC_THREAD);

	buffer_put(&threads, t->id);
	buffer_put(&threads, t->tid);
	buffer_put(&threads,
		   (t->main ? PROF_THREAD_MAIN : 0) | (t->creator || m ? PROF_THREAD_CREATOR : 0));
	buffer_put(&threads, encode_since_start(t->t_start));
	buffer_put(&threads, name);
	buffer_put(&threads, t->creator);
	buffer_put(&threads, creation);
	buffer_put(&threads, start_mapping);
	buffer_put(&threads, m ? t->start_pc - m->start : 0);
	encode_record_end(&threads, payload);
	t->segment = segment;
	t->renamed = false;
}

uint32_t encode_thread_id(struct thread_info *t)
{
	if (t->segment != segment || t->renamed)
		encode_thread(t);
	t->active = true;
	return t->id;
}

int64_t encode_batch_step(struct encode_batch *b, uint64_t t_ns, uint64_t pace)
{
	uint64_t t = encode_since_start(t_ns), due = b->t_last + pace;

	if (!b->count++)
		b->t0 = due = t;
	b->t_last = t;
	return (int64_t)(t - due);
}

void encode_sample(uint64_t t_ns, struct thread_info *t, uint32_t cpu, bool in_kernel,
		   uint32_t weight, uint32_t node)
{
	uint32_t id = encode_node(node);

	buffer_put_signed(&sample.dt, encode_batch_step(&samples, t_ns, period));
	buffer_put(&sample.thread, encode_thread_id(t));
	buffer_put(&sample.cpu, (uint64_t)cpu << 1 | in_kernel);
	buffer_put(&sample.weight, weight);
	buffer_put(&sample.stack, id);
}

bool encode_full(void)
{
	size_t used = 0;

	if (encode_heap_full())
		return true;
	for (size_t i = 0; i < PARTS; i++) {
		if (!buffer_room(parts[i].buffer, SLACK))
			return true;
		used += parts[i].buffer->used;
	}
	return used > frame_limit;
}

bool encode_pending(void)
{
	for (size_t i = 0; i < PARTS; i++)
		if (parts[i].buffer->used)
			return true;
	return false;
}

/* Most bytes each part has ever held, summed: the memory they really use. */
static uint64_t touched[PARTS];

static void set_empty(struct buffer *b)
{
	for (size_t i = 0; i < PARTS; i++)
		if (parts[i].buffer == b && b->used > touched[i])
			touched[i] = b->used;
	b->used = 0;
}

static void take(struct buffer *b)
{
	buffer_put_bytes(&frame, b->bytes, b->used);
	set_empty(b);
}

static void take_nodes(void)
{
	size_t payload;

	if (!nodes_count)
		return;
	payload = encode_record_begin(&frame, PROF_REC_NODES);
	buffer_put(&frame, nodes_first);
	buffer_put(&frame, nodes_count);
	take(&node_rows);
	encode_record_end(&frame, payload);
}

/* By column: what most rows share is then next to nothing, compressed. */
static void take_samples(void)
{
	struct buffer *const columns[] = { &sample.dt, &sample.thread, &sample.cpu, &sample.weight,
					   &sample.stack };
	size_t payload;

	if (!samples.count)
		return;
	payload = encode_record_begin(&frame, PROF_REC_SAMPLE_COLUMNS);
	buffer_put(&frame, samples.t0);
	buffer_put(&frame, period);
	buffer_put(&frame, samples.count);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		buffer_put(&frame, columns[i]->used);
		take(columns[i]);
	}
	encode_record_end(&frame, payload);
}

const struct buffer *encode_take(void)
{
	frame.used = 0;
	take(&encode_defs);
	take_nodes();
	take(&threads);
	encode_live_take(&frame);
	set_empty(&encode_live_rows);
	take_samples();
	encode_heap_take(&frame);
	set_empty(&encode_heap_rows);
	take(&encode_misc);
	samples.count = nodes_count = 0;
	return &frame;
}

uint64_t encode_touched_bytes(void)
{
	uint64_t bytes = 0;

	/* Every part goes through the frame, and compressed through as much again. */
	for (size_t i = 0; i < PARTS; i++)
		bytes += 3 * touched[i];
	return bytes;
}
