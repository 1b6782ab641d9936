/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.c - batches of samples go round between two threads: full ones one way,
 * empty ones back, and last of all the sums, in order.  The table of sums belongs to
 * whoever adds: the worker from its start until it is joined, else the caller.
 */
#include "tally.h"

#include <glib.h>
#include <stdlib.h>

#include "big_alloc.h"
#include "id_table.h"
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
	GArray *cells; /* struct cell, of blocks; entry 0 is empty */
	struct id_table table;
	bool full;
	struct batch *batch; /* being filled */
	GThread *worker;     /* NULL: not started */
	bool alone;	     /* it cannot be */
	GAsyncQueue *filled, *empty;
	GArray *ordered; /* struct cell: all sums, once closed */
};

static uint64_t tally_place(uint32_t thread, uint32_t stack)
{
	return (uint64_t)thread << 32 | stack;
}

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
	t->cells = g_array_new(FALSE, TRUE, sizeof(struct cell));
	g_array_set_size(t->cells, 1);
	id_table_init(&t->table);
	t->batch = batch_new();
	return t;
}

/* The sum of this thread and stack, or the free place for it. */
static struct tally_sum *tally_find(const struct tally *t, uint32_t thread, uint32_t stack)
{
	uint64_t at = id_hash(tally_place(thread, stack), 0) & t->mask;

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

/* The cell of a thread and stack; NULL when there is no room for one more. */
static struct cell *tally_cell(struct tally *t, uint32_t thread, uint32_t stack)
{
	uint32_t hash = id_hash(tally_place(thread, stack), 0), at, id;
	struct cell cell = { .thread = thread, .stack = stack }, *known;

	for (id = id_table_first(&t->table, hash, &at); id;
	     id = id_table_next(&t->table, hash, &at)) {
		known = &g_array_index(t->cells, struct cell, id);
		if (known->thread == thread && known->stack == stack)
			return known;
	}
	if (t->cells->len > t->room)
		return NULL;
	id = t->cells->len;
	g_array_append_val(t->cells, cell);
	id_table_add(&t->table, hash, id);
	return &g_array_index(t->cells, struct cell, id);
}

static uint32_t alloc_hash(const struct batch *batch, unsigned i)
{
	const struct alloc *alloc = &batch->allocs[MIN(i, batch->n_allocs - 1)];

	return id_hash(tally_place(alloc->thread, alloc->stack), 0);
}

static void tally_weight(struct cell *cell, const struct alloc *alloc)
{
	const struct heap_weight *weight = &alloc->weight;

	cell->heap_mean = MAX(cell->heap_mean, weight->mean);
	if (alloc->inuse) {
		cell->inuse_n++;
		cell->inuse_objects += weight->objects;
		cell->inuse_space += weight->space;
		cell->inuse_objects_var += weight->objects_var;
		cell->inuse_space_var += weight->space_var;
	} else {
		cell->alloc_n++;
		cell->alloc_objects += weight->objects;
		cell->alloc_space += weight->space;
		cell->alloc_objects_var += weight->objects_var;
		cell->alloc_space_var += weight->space_var;
	}
}

/* The cell's first line, that of its heap figures and that of the last of these. */
static void tally_prefetch_cell(const struct cell *cell)
{
	__builtin_prefetch(cell, 1);
	__builtin_prefetch(&cell->alloc_n, 1);
	__builtin_prefetch(&cell->heap_mean, 1);
}

static void tally_allocs(struct tally *t, const struct batch *batch)
{
	const struct alloc *alloc;
	struct cell *cell;
	uint32_t at, id;

	for (unsigned i = 0; i < batch->n_allocs; i++) {
		alloc = &batch->allocs[i];
		id_table_prefetch(&t->table, alloc_hash(batch, i + AHEAD));
		id = id_table_first(&t->table, alloc_hash(batch, i + AHEAD / 2), &at);
		tally_prefetch_cell(&g_array_index(t->cells, struct cell, id));
		cell = tally_cell(t, alloc->thread, alloc->stack);
		if (cell)
			tally_weight(cell, alloc);
		else
			t->full = true;
	}
}

static void tally_batch(struct tally *t, const struct batch *batch)
{
	const struct sample *ahead;

	tally_allocs(t, batch);

	for (unsigned i = 0; i < batch->n; i++) {
		ahead = &batch->samples[MIN(i + AHEAD, batch->n - 1)];
		__builtin_prefetch(
			&t->sums[id_hash(tally_place(ahead->thread, ahead->stack), 0) & t->mask],
			1);
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
				(struct place){ tally_place(t->sums[i].thread, t->sums[i].stack),
						(uint32_t)i };
	place_sort(places, n);
	places[n].key = UINT64_MAX;
	return places;
}

/* The same of blocks. */
static struct place *tally_blocks(const struct tally *t)
{
	struct place *places = g_new(struct place, t->cells->len);
	const struct cell *cell;
	guint n = t->cells->len - 1;

	for (guint i = 0; i < n; i++) {
		cell = &g_array_index(t->cells, struct cell, i + 1);
		places[i] = (struct place){ tally_place(cell->thread, cell->stack), i + 1 };
	}
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
		cell = g_array_index(t->cells, struct cell, (*b)++->index);
	if ((*s)->key == key) {
		sum = &t->sums[(*s)++->index];
		cell.samples = sum->samples;
		cell.cpu = sum->cpu;
	}
	return cell;
}

/* Makes cells of all sums, in order: walks over both kinds at once, each in order. */
static GArray *tally_merge(struct tally *t)
{
	struct place *sums = tally_sums(t), *blocks = tally_blocks(t);
	const struct place *s = sums, *b = blocks;
	const uint64_t n_blocks = t->cells->len - 1, most = MIN(t->used + n_blocks, t->room) + 1;
	const struct place *s_ahead = sums + t->used - MIN(t->used, AHEAD);
	const struct place *b_ahead = blocks + n_blocks - MIN(n_blocks, AHEAD);
	GArray *cells = g_array_sized_new(FALSE, TRUE, sizeof(struct cell), (guint)most);
	struct cell cell = { 0 };

	big_fill(cells->data, most * sizeof(struct cell));
	g_array_append_val(cells, cell);
	while (MIN(s->key, b->key) != UINT64_MAX && cells->len < most) {
		if (s < s_ahead)
			__builtin_prefetch(&t->sums[s[AHEAD].index]);
		if (b < b_ahead)
			tally_prefetch_cell(&g_array_index(t->cells, struct cell, b[AHEAD].index));
		cell = tally_next(t, &s, &b);
		g_array_append_val(cells, cell);
	}
	t->full |= MIN(s->key, b->key) != UINT64_MAX;
	g_free(sums);
	g_free(blocks);
	return cells;
}

/* The sums are not needed any more then, and a child that is forked is the smaller. */
static void tally_order(struct tally *t)
{
	t->ordered = tally_merge(t);
	free(t->sums);
	g_array_unref(t->cells);
	id_table_fini(&t->table);
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
	tally_order(t);
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

void tally_close(struct tally *t)
{
	t->batch->last = true;
	if (t->worker) {
		g_async_queue_push(t->filled, t->batch);
	} else {
		tally_batch(t, t->batch);
		g_free(t->batch);
		tally_order(t);
	}
	t->batch = NULL;
}

GArray *tally_end(struct tally *t, bool *full)
{
	GArray *cells;

	if (t->worker) {
		g_thread_join(t->worker);
		tally_clear(t);
	}
	cells = t->ordered;
	*full = t->full;
	g_free(t);
	return cells;
}
