/* SPDX-License-Identifier: Apache-2.0
 *
 * symbolize_pipe.c - the child's names, written and read back.  The writer
 * runs in the child and leaves it silently when the parent is gone; the reader
 * runs in the parent over the whole stream in memory.
 */
#include "symbolize_pipe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"
#include "prof_wire.h"

#define WRITER_FLUSH_BYTES 65536u

enum address_bits { ADDRESS_HAS_START = 1, ADDRESS_NAMED = 2 };
enum status_bits { STATUS_LINES = 1 };

void symbolize_writer_init(struct symbolize_writer *w, int fd)
{
	w->fd = fd;
	w->buffer = g_byte_array_new();
	w->strings = key_text_table_new(g_free);
}

static void writer_flush(struct symbolize_writer *w)
{
	size_t done = 0;
	ssize_t n;

	while (done < w->buffer->len) {
		n = write(w->fd, w->buffer->data + done, w->buffer->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
	g_byte_array_set_size(w->buffer, 0);
}

static void put_varint(struct symbolize_writer *w, uint64_t v)
{
	uint8_t bytes[PROF_VARINT_BYTES_MAX];

	g_byte_array_append(w->buffer, bytes, (guint)(prof_put_varint(bytes, v) - bytes));
}

/* The id of text, sending it first when it is new. */
static uint64_t writer_string(struct symbolize_writer *w, const char *text)
{
	size_t length, id;

	if (!text)
		return 0;
	id = GPOINTER_TO_SIZE(g_hash_table_lookup(w->strings, text));
	if (id)
		return id;
	id = g_hash_table_size(w->strings) + 1;
	g_hash_table_insert(w->strings, g_strdup(text), GSIZE_TO_POINTER(id));
	length = strnlen(text, SYMBOLIZE_NAME_BYTES);
	put_varint(w, 'S');
	put_varint(w, length);
	g_byte_array_append(w->buffer, (const guint8 *)text, (guint)length);
	return id;
}

void symbolize_put_address(struct symbolize_writer *w, size_t index,
			   const struct symbolize_address *address, bool named)
{
	uint64_t ids[SYMBOLIZE_FRAMES_MAX][3];
	const struct symbolize_frame *f;

	for (uint32_t i = 0; i < address->n_frames; i++) {
		f = &address->frames[i];
		ids[i][0] = writer_string(w, f->name);
		ids[i][1] = writer_string(w, f->system_name);
		ids[i][2] = writer_string(w, f->file);
	}
	put_varint(w, 'A');
	put_varint(w, index);
	put_varint(w, (address->has_start ? ADDRESS_HAS_START : 0) | (named ? ADDRESS_NAMED : 0));
	put_varint(w, address->function_start);
	put_varint(w, address->n_frames);
	for (uint32_t i = 0; i < address->n_frames; i++) {
		for (unsigned k = 0; k < 3; k++)
			put_varint(w, ids[i][k]);
		put_varint(w, address->frames[i].line);
		put_varint(w, address->frames[i].inlined);
	}
	if (w->buffer->len > WRITER_FLUSH_BYTES)
		writer_flush(w);
}

void symbolize_put_end(struct symbolize_writer *w, const struct symbolize_status *status)
{
	uint64_t file = writer_string(w, status->file);
	uint64_t debug_file = writer_string(w, status->debug_file);
	uint64_t advice = writer_string(w, status->advice);

	put_varint(w, 'T');
	put_varint(w, status->source);
	put_varint(w, status->match);
	put_varint(w, status->lines ? STATUS_LINES : 0);
	put_varint(w, file);
	put_varint(w, debug_file);
	put_varint(w, advice);
	put_varint(w, 'E');
	writer_flush(w);
}

struct stream {
	struct prof_slice in;
	GStringChunk *chunk;
	GPtrArray *strings; /* id - 1 -> text in chunk */
	GArray *frames;	    /* of struct symbolize_frame */
	GArray *firsts;	    /* index of each address's first frame, n of them */
};

static void get_string(struct stream *s)
{
	uint64_t length = prof_get_varint(&s->in);
	const uint8_t *bytes = prof_get_bytes(&s->in, length);
	char *text;

	if (!bytes || length > SYMBOLIZE_NAME_BYTES || memchr(bytes, 0, length)) {
		s->in.bad = true;
		return;
	}
	text = g_strndup((const char *)bytes, length);
	g_ptr_array_add(s->strings, g_string_chunk_insert(s->chunk, text));
	g_free(text);
}

static const char *get_string_id(struct stream *s)
{
	uint64_t id = prof_get_varint(&s->in);

	if (id > s->strings->len)
		s->in.bad = true;
	return id && !s->in.bad ? g_ptr_array_index(s->strings, id - 1) : NULL;
}

static void get_address(struct stream *s, struct symbolize_address *addresses, size_t n,
			size_t *n_named)
{
	uint64_t index = prof_get_varint(&s->in), bits = prof_get_varint(&s->in);
	uint64_t start = prof_get_varint(&s->in), count = prof_get_varint(&s->in);
	guint first = s->frames->len;
	struct symbolize_frame f;

	if (s->in.bad || index >= n || addresses[index].n_frames || !count ||
	    count > SYMBOLIZE_FRAMES_MAX) {
		s->in.bad = true;
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		f.name = get_string_id(s);
		f.system_name = get_string_id(s);
		f.file = get_string_id(s);
		f.line = (uint32_t)prof_get_varint(&s->in);
		f.inlined = prof_get_varint(&s->in) & 1;
		if (s->in.bad || !f.name || !*f.name) {
			s->in.bad = true;
			g_array_set_size(s->frames, first);
			return;
		}
		g_array_append_val(s->frames, f);
	}
	addresses[index].n_frames = (uint32_t)count;
	addresses[index].has_start = bits & ADDRESS_HAS_START;
	addresses[index].function_start = start;
	g_array_index(s->firsts, guint, index) = first;
	*n_named += !!(bits & ADDRESS_NAMED);
}

static void get_status(struct stream *s, struct symbolize_status *status)
{
	uint64_t source = prof_get_varint(&s->in), match = prof_get_varint(&s->in);

	if (source > SYMBOLIZE_SOURCE_PERF_MAP || match > SYMBOLIZE_MATCH_UNCHECKED) {
		s->in.bad = true;
		return;
	}
	status->source = (enum symbolize_source)source;
	status->match = (enum symbolize_match)match;
	status->lines = prof_get_varint(&s->in) & STATUS_LINES;
	status->file = get_string_id(s);
	status->debug_file = get_string_id(s);
	status->advice = get_string_id(s);
}

bool symbolize_get_stream(const uint8_t *bytes, size_t length, GStringChunk *chunk,
			  struct symbolize_address *addresses, size_t n,
			  struct symbolize_status *status, struct symbolize_frame **frames)
{
	struct stream s = { .in = { bytes, bytes + length, false }, .chunk = chunk };
	bool ended = false;

	s.strings = g_ptr_array_new();
	s.frames = g_array_new(FALSE, FALSE, sizeof(struct symbolize_frame));
	s.firsts = g_array_sized_new(FALSE, TRUE, sizeof(guint), (guint)n);
	g_array_set_size(s.firsts, (guint)n);
	while (!s.in.bad && !ended) {
		switch (prof_get_varint(&s.in)) {
		case 'S': get_string(&s); break;
		case 'A': get_address(&s, addresses, n, &status->n_named); break;
		case 'T': get_status(&s, status); break;
		case 'E': ended = !s.in.bad; break;
		default: s.in.bad = true;
		}
	}
	*frames = (struct symbolize_frame *)(void *)g_array_free(s.frames, FALSE);
	for (size_t i = 0; i < n; i++) {
		if (addresses[i].n_frames)
			addresses[i].frames = *frames + g_array_index(s.firsts, guint, i);
	}
	g_array_free(s.firsts, TRUE);
	g_ptr_array_free(s.strings, TRUE);
	return ended;
}
