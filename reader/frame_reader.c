/* SPDX-License-Identifier: Apache-2.0
 *
 * frame_reader.c - a few pieces go round between the two threads: full ones one way,
 * with a frame and the damage before it, empty ones back.
 */
#include "frame_reader.h"

#include <string.h>

#define PIECES 8u			/* of a frame each: 32 MiB at most */
#define SMALL_BYTES (UINT64_C(1) << 18) /* a file below needs no thread */

struct damage {
	uint64_t offset;
	char *what, *detail; /* detail may be NULL */
	enum err err;
};

struct piece {
	bool end; /* no frame, and none after it */
	struct segment_frame frame;
	GByteArray *content;
	GArray *damages; /* struct damage, before the frame */
};

struct frame_reader {
	segment_damage_fn *damage;
	void *arg;
	struct segment_in *segment;
	GThread *worker;     /* NULL: not started */
	bool alone;	     /* it cannot be */
	struct piece *piece; /* the worker's, being filled */
	struct piece *taken; /* the caller's, whose frame is in use; NULL none */
	GPtrArray *spent;    /* struct piece, to be given back */
	GAsyncQueue *filled, *empty;
	bool ended; /* the caller's: the last piece was taken */
};

struct frame_reader *frame_reader_new(segment_damage_fn *damage, void *arg)
{
	struct frame_reader *r = g_new0(struct frame_reader, 1);

	r->damage = damage;
	r->arg = arg;
	return r;
}

static void damage_clear(void *damage)
{
	struct damage *d = damage;

	g_free(d->what);
	g_free(d->detail);
}

static struct piece *piece_new(void)
{
	struct piece *piece = g_new0(struct piece, 1);

	piece->content = g_byte_array_new();
	piece->damages = g_array_new(FALSE, FALSE, sizeof(struct damage));
	g_array_set_clear_func(piece->damages, damage_clear);
	return piece;
}

static void piece_free(struct piece *piece)
{
	g_byte_array_unref(piece->content);
	g_array_unref(piece->damages);
	g_free(piece);
}

void frame_reader_damage(void *reader, uint64_t offset, const char *what, enum err err,
			 const char *detail)
{
	struct frame_reader *r = reader;
	struct damage damage = { .offset = offset, .err = err };

	if (!r->piece) { /* not started: segment_open() */
		r->damage(r->arg, offset, what, err, detail);
		return;
	}
	damage.what = g_strdup(what);
	damage.detail = g_strdup(detail);
	g_array_append_val(r->piece->damages, damage);
}

static gpointer reader_work(gpointer reader)
{
	struct frame_reader *r = reader;
	struct piece *piece;
	bool end;

	do {
		piece = r->piece;
		piece->end = end = !segment_next(r->segment, &piece->frame);
		if (!end) {
			g_byte_array_set_size(piece->content, 0);
			g_byte_array_append(piece->content, piece->frame.data,
					    (guint)piece->frame.len);
			piece->frame.data = piece->content->data;
		}
		g_async_queue_push(r->filled, piece);
		if (!end)
			r->piece = g_async_queue_pop(r->empty);
	} while (!end);
	return NULL;
}

static void reader_clear(struct frame_reader *r)
{
	struct piece *piece;

	while ((piece = g_async_queue_try_pop(r->empty)))
		piece_free(piece);
	g_ptr_array_unref(r->spent);
	g_async_queue_unref(r->filled);
	g_async_queue_unref(r->empty);
}

static void reader_start(struct frame_reader *r, struct segment_in *segment)
{
	r->segment = segment;
	r->filled = g_async_queue_new();
	r->empty = g_async_queue_new();
	r->spent = g_ptr_array_new_with_free_func((GDestroyNotify)piece_free);
	r->piece = piece_new();
	for (unsigned i = 1; i < PIECES; i++)
		g_async_queue_push(r->empty, piece_new());
	r->worker = g_thread_try_new("frames", reader_work, r, NULL);
	if (r->worker)
		return;
	r->alone = true;
	g_clear_pointer(&r->piece, piece_free);
	reader_clear(r);
}

bool frame_reader_next(struct frame_reader *r, struct segment_in *segment,
		       struct segment_frame *frame)
{
	if (!r->worker && !r->alone && segment_bytes(segment) >= SMALL_BYTES)
		reader_start(r, segment);
	if (!r->worker)
		return segment_next(segment, frame);
	if (r->taken) {
		g_array_set_size(r->taken->damages, 0);
		g_ptr_array_add(r->spent, r->taken);
	}
	if (r->spent->len >= PIECES / 2) /* several at once: to wake a thread takes time */
		while (r->spent->len)
			g_async_queue_push(r->empty,
					   g_ptr_array_steal_index(r->spent, r->spent->len - 1));
	r->taken = g_async_queue_pop(r->filled);
	for (guint i = 0; i < r->taken->damages->len; i++) {
		const struct damage *d = &g_array_index(r->taken->damages, struct damage, i);

		r->damage(r->arg, d->offset, d->what, d->err, d->detail);
	}
	*frame = r->taken->frame;
	r->ended = r->taken->end;
	return !r->ended;
}

void frame_reader_free(struct frame_reader *r)
{
	struct segment_frame frame;

	if (r->worker) {
		while (!r->ended)
			frame_reader_next(r, r->segment, &frame);
		g_thread_join(r->worker);
		piece_free(r->taken);
		reader_clear(r);
	}
	g_free(r);
}
