/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_records.c - records below compression and checksums, through the decoder
 * and the model to every output.  An input is records; one of kind 0 without
 * payload ends a frame, with payload the segment.  It comes with a segment_in.c
 * of its own, which hands these frames out: up to four segments of two traces.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../../reader/segment_in.h"
#include "prof_wire.h"

#define SEGMENTS_MAX 4u

struct segment_in {
	struct segment_header header;
	const uint8_t *data;
	size_t size, at;
	segment_damage_fn *damage;
	void *arg;
};

/* Anything that exists: they are not opened. */
static char *const paths[SEGMENTS_MAX + 1] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/tty" };
static const uint8_t *input;
static size_t input_size;

/* The end of the frame at data; *segment_ends when the segment ends with it. */
static size_t frame_bytes(const uint8_t *data, size_t size, bool *segment_ends, size_t *mark)
{
	struct prof_slice s = { data, data + size, false };
	const uint8_t *at;
	uint64_t length;
	uint8_t kind;

	*segment_ends = true;
	*mark = 0;
	while (prof_slice_left(&s)) {
		at = s.p;
		kind = *s.p++;
		length = prof_get_varint(&s);
		if (!prof_get_bytes(&s, length))
			break;
		if (!kind) {
			*segment_ends = length != 0;
			*mark = (size_t)(s.p - at);
			return (size_t)(at - data);
		}
	}
	return size;
}

/* The bytes of the nth segment. */
static const uint8_t *find_segment(unsigned n, size_t *size)
{
	size_t at = 0, begin, mark;
	bool ends;

	for (;; n--) {
		begin = at;
		do {
			at += frame_bytes(input + at, input_size - at, &ends, &mark);
			*size = at - begin;
			at += mark;
		} while (!ends && at < input_size);
		if (!n || at >= input_size)
			break;
	}
	if (n)
		*size = 0;
	return input + begin;
}

static void set_text(struct segment_header *h, unsigned key, const char *text, size_t len)
{
	h->text[key] = g_memdup2(text, len + 1);
	h->text_len[key] = len;
	h->present[key] = true;
}

static void set_number(struct segment_header *h, unsigned key, uint64_t number)
{
	h->number[key] = number;
	h->present[key] = true;
}

/* Segments 1, 2 and 4 of one trace, 1 of another. */
static void set_header(struct segment_header *h, unsigned n)
{
	static const uint64_t numbers[] = { 1, 2, 1, 4 };

	h->good = true;
	h->version = h->min_reader = PROF_FORMAT_VERSION;
	h->settings = g_ptr_array_new_with_free_func(g_free);
	set_text(h, PROF_HDR_TRACE_ID, n == 2 ? "another trace id" : "a trace id of 16", 16);
	set_text(h, PROF_HDR_CPU_ENGINE, "perf", 4);
	set_text(h, PROF_HDR_PROGRAM, "app", 3);
	set_number(h, PROF_HDR_SEGMENT, numbers[n]);
	set_number(h, PROF_HDR_SEGMENT_START_NS, n * 40000000ull);
	set_number(h, PROF_HDR_CPU_PERIOD_NS, 10000000);
	set_number(h, PROF_HDR_HEAP_MEAN_BYTES, 4096);
	set_number(h, PROF_HDR_PID, 42);
	set_number(h, PROF_HDR_ENTRY, 0x401000);
}

enum err segment_open(struct segment_in **segment, const char *path, uint64_t limit,
		      segment_damage_fn *damage, void *arg)
{
	struct segment_in *s;
	unsigned n = 0;
	size_t size;

	(void)limit;
	*segment = NULL;
	while (strcmp(paths[n], path))
		n++;
	find_segment(n, &size);
	if (!size)
		return ERR_EMPTY;
	s = g_new0(struct segment_in, 1);
	/* A copy of its own size: reads past it are seen. */
	s->data = g_memdup2(find_segment(n, &size), size);
	s->size = size;
	s->damage = damage;
	s->arg = arg;
	set_header(&s->header, n);
	*segment = s;
	return ERR_NONE;
}

bool segment_next(struct segment_in *s, struct segment_frame *frame)
{
	size_t mark;
	bool ends;

	if (s->at >= s->size)
		return false;
	frame->offset = s->at;
	frame->data = s->data + s->at;
	frame->len = frame_bytes(s->data + s->at, s->size - s->at, &ends, &mark);
	s->at += frame->len + mark;
	return true;
}

const struct segment_header *segment_header(const struct segment_in *s)
{
	return &s->header;
}

uint64_t segment_number(const struct segment_in *s)
{
	return s->header.number[PROF_HDR_SEGMENT];
}

uint64_t segment_bytes(const struct segment_in *s)
{
	return s->size;
}

uint64_t segment_uncommitted(const struct segment_in *s)
{
	return s->size % 7 == 0;
}

void segment_close(struct segment_in *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SEGMENT_FIELD_MAX; i++)
		g_free(s->header.text[i]);
	g_ptr_array_unref(s->header.settings);
	g_free((void *)s->data);
	g_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args[SEGMENTS_MAX + 1] = { 0 };
	size_t bytes;
	unsigned n = 0;

	input = data;
	input_size = size;
	fuzz_begin();
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		find_segment(i, &bytes);
		if (bytes)
			args[n++] = paths[i];
	}
	if (n)
		fuzz_model(args, (unsigned)XXH64(data, size, 0));
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate_records(data, size, max, &seed);
}
