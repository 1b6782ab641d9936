/* SPDX-License-Identifier: Apache-2.0
 *
 * heap_sums.c - see heap_sums.h.
 */
#include "heap_sums.h"

#define FIRST_CELLS 256u

static uint32_t sums_hash(uint32_t thread, uint32_t stack)
{
	return id_hash(place_key(thread, stack), 0);
}

void heap_sums_init(struct heap_sums *sums, uint64_t room)
{
	*sums = (struct heap_sums){ .room = room, .len = 1, .allocated = FIRST_CELLS };
	sums->cells = g_new(struct cell, FIRST_CELLS);
	sums->cells[0] = (struct cell){ 0 };
	id_table_init(&sums->table);
}

void heap_sums_fini(struct heap_sums *sums)
{
	g_free(sums->cells);
	id_table_fini(&sums->table);
}

/* The cell of a thread and stack; NULL when there is no room for one more. */
static struct cell *sums_find(struct heap_sums *sums, uint32_t thread, uint32_t stack)
{
	uint32_t hash = sums_hash(thread, stack), at, id;
	struct cell *known;

	for (id = id_table_first(&sums->table, hash, &at); id;
	     id = id_table_next(&sums->table, hash, &at)) {
		known = &sums->cells[id];
		if (known->thread == thread && known->stack == stack)
			return known;
	}
	if (sums->len > sums->room)
		return NULL;
	if (sums->len == sums->allocated) {
		sums->allocated *= 2;
		sums->cells = g_renew(struct cell, sums->cells, sums->allocated);
	}
	id = sums->len++;
	sums->cells[id] = (struct cell){ .thread = thread, .stack = stack };
	id_table_add(&sums->table, hash, id);
	return &sums->cells[id];
}

static void sums_add(struct cell *cell, const struct heap_weight *weight, bool inuse)
{
	cell->heap_mean = MAX(cell->heap_mean, weight->mean);
	if (inuse) {
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

void heap_sums_add(struct heap_sums *sums, uint32_t thread, uint32_t stack,
		   const struct heap_weight *weight, bool inuse)
{
	struct cell *cell = sums_find(sums, thread, stack);

	if (cell)
		sums_add(cell, weight, inuse);
	else
		sums->full = true;
}

void heap_sums_prefetch_slot(const struct heap_sums *sums, uint32_t thread, uint32_t stack)
{
	id_table_prefetch(&sums->table, sums_hash(thread, stack));
}

/* The cell's first line, that of its heap figures and that of the last of these. */
void heap_sums_prefetch_cell(const struct heap_sums *sums, uint32_t index)
{
	const struct cell *cell = &sums->cells[index];

	__builtin_prefetch(cell, 1);
	__builtin_prefetch(&cell->alloc_n, 1);
	__builtin_prefetch(&cell->heap_mean, 1);
}

void heap_sums_prefetch(const struct heap_sums *sums, uint32_t thread, uint32_t stack)
{
	uint32_t at;

	heap_sums_prefetch_cell(sums, id_table_first(&sums->table, sums_hash(thread, stack), &at));
}

struct place *heap_sums_places(const struct heap_sums *sums)
{
	struct place *places = g_new(struct place, sums->len);
	uint32_t n = sums->len - 1;

	for (uint32_t i = 0; i < n; i++)
		places[i] = (struct place){
			place_key(sums->cells[i + 1].thread, sums->cells[i + 1].stack), i + 1
		};
	place_sort(places, n);
	places[n].key = UINT64_MAX;
	return places;
}
