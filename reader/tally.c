/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.c - batches of samples go round between two threads: full ones one way,
 * empty ones back.  The table of sums belongs to whoever adds: the worker from its
 * start until it is joined, then the thread that puts the sums in order, else the caller.
 */
#include "tally.h"

#include <glib.h>
#include <pthread.h>
#include <stdlib.h>

#include "big_alloc.h"
#include "heap_sums.h"
#include "place_sort.h"

#define BATCH_SAMPLES 8192u
#define BATCH_ALLOCS 2048u
#define BATCHES 4u
#define AHEAD 32u /* samples between asking for a sum's memory and using it */
#define FIRST_SUMS 1024u

/* Half a cache line, so that one prefetch brings all of it. */
struct tally_sum {
	uint32_t thread, stack;
	uint64_t cpu, samples; /* samples 0: a free place of the table */
	uint64_t unused;
};

struct sample {
	uint32_t thread, stack;
	uint64_t cpu;
};

struct alloc {
	uint32_t thread, stack;
	bool inuse;
	struct heap_weight weight;
};

struct batch {
	unsigned n, n_allocs;
	bool last;
	struct sample samples[BATCH_SAMPLES];
	struct alloc allocs[BATCH_ALLOCS];
};

struct tally {
	struct tally_sum *sums;
	uint64_t mask, used, room;
	struct heap_sums heap;
	bool full;	     /* there was no room for some */
	struct batch *batch; /* being filled */
	GThread *worker;     /* NULL: not started */
	bool alone;	     /* it cannot be */
	GAsyncQueue *filled, *empty;
	GArray *ordered;    /* struct cell: all sums, once closed */
	pthread_t orderer;  /* no GThread: see tally_order() */
	bool orderer_works; /* it is to be joined */
};

static struct batch *batch_new(void)
{
	struct batch *batch = g_new(struct batch, 1);

	batch->n = batch->n_allocs = 0;
	batch->last = false;
	return batch;
}

struct tally *tally_new(uint64_t room)
{
	struct tally *t = g_new0(struct tally, 1);

	key_make_secret();
	t->room = room;
	t->mask = FIRST_SUMS - 1;
	t->sums = big_alloc0(FIRST_SUMS * sizeof(*t->sums));
	heap_sums_init(&t->heap, room);
	t->batch = batch_new();
	return t;
}

/* The sum of this thread and stack, or the free place for it. */
static struct tally_sum *tally_find(const struct tally *t, uint32_t thread, uint32_t stack)
{
	uint64_t at = id_hash(place_key(thread, stack), 0) & t->mask;

	while (t->sums[at].samples && (t->sums[at].stack != stack || t->sums[at].thread != thread))
		at = (at + 1) & t->mask;
	return &t->sums[at];
}

static void tally_grow(struct tally *t)
{
	struct tally_sum *old = t->sums;
	uint64_t n = t->mask + 1;

	t->mask = 2 * n - 1;
	t->sums = big_alloc0(2 * n * sizeof(*old));
	for (uint64_t i = 0; i < n; i++)
		if (old[i].samples)
			*tally_find(t, old[i].thread, old[i].stack) = old[i];
	free(old);
}

static void tally_sample(struct tally *t, const struct sample *sample)
{
	struct tally_sum *sum = tally_find(t, sample->thread, sample->stack);

	if (!sum->samples) {
		if (t->used >= t->room) {
			t->full = true;
			return;
		}
		if (++t->used > t->mask / 4 * 3) {
			tally_grow(t);
			sum = tally_find(t, sample->thread, sample->stack);
		}
		sum->thread = sample->thread;
		sum->stack = sample->stack;
	}
	sum->samples++;
	sum->cpu += sample->cpu;
}

static void tally_allocs(struct tally *t, const struct batch *batch)
{
	const unsigned n = batch->n_allocs;
	const struct alloc *a = batch->allocs;

	for (unsigned i = 0; i < n; i++, a++) {
		if (i + AHEAD < n)
			heap_sums_prefetch_slot(&t->heap, a[AHEAD].thread, a[AHEAD].stack);
		if (i + AHEAD / 2 < n)
			heap_sums_prefetch(&t->heap, a[AHEAD / 2].thread, a[AHEAD / 2].stack);
		heap_sums_add(&t->heap, a->thread, a->stack, &a->weight, a->inuse);
	}
}

static void tally_batch(struct tally *t, const struct batch *batch)
{
	const struct sample *ahead;

	tally_allocs(t, batch);
	for (unsigned i = 0; i < batch->n; i++) {
		ahead = &batch->samples[MIN(i + AHEAD, batch->n - 1)];
		__builtin_prefetch(
			&t->sums[id_hash(place_key(ahead->thread, ahead->stack), 0) & t->mask], 1);
		tally_sample(t, &batch->samples[i]);
	}
}

/* The sums of samples in order of their places, as indexes into the table. */
static struct place *tally_sums(const struct tally *t)
{
	struct place *places = g_new(struct place, t->used + 1);
	uint64_t n = 0;

	for (uint64_t i = 0; i <= t->mask; i++)
		if (t->sums[i].samples)
			places[n++] =
				(struct place){ place_key(t->sums[i].thread, t->sums[i].stack),
						(uint32_t)i };
	place_sort(places, n);
	places[n].key = UINT64_MAX;
	return places;
}

/* The next sum of either kind, which *s and *b stand before, with both figures where there
 * are both.  No thread has the number that stands behind the last. */
static struct cell tally_next(const struct tally *t, const struct place **s, const struct place **b)
{
	uint64_t key = MIN((*s)->key, (*b)->key);
	struct cell cell = { .thread = (uint32_t)(key >> 32), .stack = (uint32_t)key };
	const struct tally_sum *sum;

	if ((*b)->key == key)
		cell = t->heap.cells[(*b)++->index];
	if ((*s)->key == key) {
		sum = &t->sums[(*s)++->index];
		cell.samples = sum->samples;
		cell.cpu = sum->cpu;
	}
	return cell;
}

/* Makes cells of all sums, in order: walks over both kinds at once, each in order. */
static void tally_merge(struct tally *t)
{
	struct place *sums = tally_sums(t), *blocks = heap_sums_places(&t->heap);
	const struct place *s = sums, *b = blocks;
	const uint64_t n_blocks = t->heap.len - 1, most = MIN(t->used + n_blocks, t->room) + 1;
	const struct place *s_ahead = sums + t->used - MIN(t->used, AHEAD);
	const struct place *b_ahead = blocks + n_blocks - MIN(n_blocks, AHEAD);
	guint n = 0;

	g_array_set_size(t->ordered, (guint)most);
	big_fill(t->ordered->data, most * sizeof(struct cell));
	g_array_index(t->ordered, struct cell, n++) = (struct cell){ 0 };
	while (MIN(s->key, b->key) != UINT64_MAX && n < most) {
		if (s < s_ahead)
			__builtin_prefetch(&t->sums[s[AHEAD].index]);
		if (b < b_ahead)
			heap_sums_prefetch_cell(&t->heap, b[AHEAD].index);
		g_array_index(t->ordered, struct cell, n++) = tally_next(t, &s, &b);
	}
	g_array_set_size(t->ordered, n);
	t->full |= t->heap.full || MIN(s->key, b->key) != UINT64_MAX;
	g_free(sums);
	g_free(blocks);
}

/* What is not needed any more goes at once: a child that is forked is the smaller.
 * Meanwhile the caller may fork, so no lock is taken here but malloc's, which children
 * find open: no GSlice, which GLib makes its small objects of, and of whose locks a
 * GThread's end takes one, too. */
static void *tally_order(void *tally)
{
	struct tally *t = tally;

	tally_merge(t);
	free(t->sums);
	heap_sums_fini(&t->heap);
	return NULL;
}

static gpointer tally_work(gpointer tally)
{
	struct tally *t = tally;
	struct batch *batch;
	bool last;

	do {
		batch = g_async_queue_pop(t->filled);
		tally_batch(t, batch);
		last = batch->last;
		g_async_queue_push(t->empty, batch);
	} while (!last);
	return NULL;
}

static void tally_clear(struct tally *t)
{
	struct batch *batch;

	while ((batch = g_async_queue_try_pop(t->empty)))
		g_free(batch);
	g_async_queue_unref(t->filled);
	g_async_queue_unref(t->empty);
}

static void tally_start(struct tally *t)
{
	t->filled = g_async_queue_new();
	t->empty = g_async_queue_new();
	for (unsigned i = 1; i < BATCHES; i++)
		g_async_queue_push(t->empty, batch_new());
	t->worker = g_thread_try_new("tally", tally_work, t, NULL);
	if (t->worker)
		return;
	t->alone = true;
	tally_clear(t);
}

static void tally_hand_over(struct tally *t)
{
	if (!t->worker && !t->alone)
		tally_start(t);
	if (t->alone) {
		tally_batch(t, t->batch);
	} else {
		g_async_queue_push(t->filled, t->batch);
		t->batch = g_async_queue_pop(t->empty);
	}
	t->batch->n = t->batch->n_allocs = 0;
}

void tally_add(struct tally *t, uint32_t thread, uint32_t stack, uint64_t cpu)
{
	t->batch->samples[t->batch->n++] = (struct sample){ thread, stack, cpu };
	if (t->batch->n == BATCH_SAMPLES)
		tally_hand_over(t);
}

void tally_block(struct tally *t, uint32_t thread, uint32_t stack, const struct heap_weight *weight,
		 bool inuse)
{
	t->batch->allocs[t->batch->n_allocs++] = (struct alloc){ thread, stack, inuse, *weight };
	if (t->batch->n_allocs == BATCH_ALLOCS)
		tally_hand_over(t);
}

static void tally_stop(struct tally *t)
{
	g_async_queue_push(t->filled, t->batch);
	g_thread_join(t->worker);
	tally_clear(t);
}

void tally_close(struct tally *t)
{
	t->batch->last = true;
	t->ordered = g_array_new(FALSE, FALSE, sizeof(struct cell));
	if (t->worker) {
		tally_stop(t);
		t->orderer_works = !pthread_create(&t->orderer, NULL, tally_order, t);
	} else {
		tally_batch(t, t->batch);
		g_free(t->batch);
	}
	if (!t->orderer_works)
		tally_order(t);
}

GArray *tally_end(struct tally *t, bool *full)
{
	GArray *cells = t->ordered;

	if (t->orderer_works)
		pthread_join(t->orderer, NULL);
	*full = t->full;
	g_free(t);
	return cells;
}
