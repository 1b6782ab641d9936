/* SPDX-License-Identifier: Apache-2.0
 *
 * id_table.c - open addressing with steps of one, at most three quarters full.
 * An entry that goes is filled from behind, so there are no graves.
 */
#include "id_table.h"

#include <stdlib.h>

#include "big_alloc.h"

#define FIRST_SLOTS 1024u

void id_table_init_for(struct id_table *table, uint32_t ids)
{
	uint32_t slots = FIRST_SLOTS;

	while (slots / 4 * 3 < ids && slots < UINT32_MAX / 2)
		slots *= 2;
	key_make_secret();
	*table = (struct id_table){ big_alloc0(slots * sizeof(struct id_slot)), slots - 1, 0 };
}

void id_table_init(struct id_table *table)
{
	id_table_init_for(table, 0);
}

void id_table_fini(struct id_table *table)
{
	free(table->slots);
	*table = (struct id_table){ 0 };
}

static void table_put(struct id_table *table, struct id_slot slot)
{
	uint32_t at = slot.hash & table->mask;

	while (table->slots[at].id)
		at = (at + 1) & table->mask;
	table->slots[at] = slot;
}

static void table_grow(struct id_table *table)
{
	struct id_table more = { .mask = table->mask * 2 + 1, .used = table->used };

	more.slots = big_alloc0(((gsize)more.mask + 1) * sizeof(*more.slots));
	for (gsize i = 0; i <= table->mask; i++)
		if (table->slots[i].id)
			table_put(&more, table->slots[i]);
	free(table->slots);
	*table = more;
}

void id_table_add(struct id_table *table, uint32_t hash, uint32_t id)
{
	if (table->used >= table->mask / 4 * 3)
		table_grow(table);
	table->used++;
	table_put(table, (struct id_slot){ hash, id });
}

void id_table_remove(struct id_table *table, uint32_t at)
{
	uint32_t hole = at & table->mask, next = hole, home;

	for (;;) {
		next = (next + 1) & table->mask;
		if (!table->slots[next].id)
			break;
		/* What would not be found from its home over the hole moves into it. */
		home = table->slots[next].hash & table->mask;
		if (((next - home) & table->mask) < ((next - hole) & table->mask))
			continue;
		table->slots[hole] = table->slots[next];
		hole = next;
	}
	table->slots[hole] = (struct id_slot){ 0 };
	table->used--;
}
