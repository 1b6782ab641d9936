/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tally.c - what a second thread adds up is what was handed in: few rows, which
 * start none, and many.  Past the room it has, rows are left out and that is said.
 *
 * links: reader/tally.c reader/heap_sums.c reader/place_sort.c reader/id_table.c
 * links: reader/big_alloc.c reader/keys.c
 * flags: $(pkg-config --cflags glib-2.0)
 * libs: $(pkg-config --libs glib-2.0)
 */
#include "../../reader/tally.h"

#include <sys/resource.h>

#undef TRUE /* GLib's; check.h has its own */
#include "../check.h"

#define THREADS 3u
#define STACKS 5000u

static uint64_t sums, samples, cpu, allocs, inuse, last;
static double space;

static void take(const struct cell *cell)
{
	uint64_t place = (uint64_t)cell->thread << 32 | cell->stack;

	TRUE(!sums++ || place > last);
	last = place;
	EQ(cell->cpu, cell->samples * (cell->stack + 1));
	samples += cell->samples;
	cpu += cell->cpu;
	allocs += cell->alloc_n;
	space += cell->alloc_space;
	inuse += cell->inuse_n;
	TRUE(!cell->alloc_n || cell->heap_mean == cell->stack);
}

/* True: all of it had room. */
static bool run(uint64_t room, uint64_t rows)
{
	struct tally *tally = tally_new(room);
	struct heap_weight weight = { 1, 2, 0, 0, 0 };
	GArray *cells;
	bool full;

	sums = samples = cpu = allocs = inuse = 0;
	space = 0;
	for (uint64_t i = 0; i < rows; i++) {
		uint32_t thread = (uint32_t)(i % THREADS), stack = (uint32_t)(i * 7919 % STACKS);

		tally_add(tally, thread, stack, stack + 1);
		weight.mean = stack;
		if (i % 2)
			tally_block(tally, thread, stack, &weight, false);
		if (i % 5 == 0) /* in no sample's stack */
			tally_block(tally, thread, STACKS + stack, &weight, true);
	}
	tally_close(tally);
	cells = tally_end(tally, &full);
	EQ(g_array_index(cells, struct cell, 0).samples, 0);
	for (guint i = 1; i < cells->len; i++)
		take(&g_array_index(cells, struct cell, i));
	g_array_unref(cells);
	return !full;
}

TEST(few)
{
	TRUE(run(1000, 100));
	EQ(samples, 100);
	EQ(allocs, 50);
	TRUE(run(1000, 0));
	EQ(sums, 0);
}

static void add_many(void)
{
	TRUE(run(100000, 600000));
	EQ(sums, THREADS * STACKS * 6 / 5);
	EQ(inuse, 120000);
	EQ(samples, 600000);
	EQ(cpu, 600000 / STACKS * (STACKS * (STACKS + 1) / 2));
	EQ(allocs, 300000);
	TRUE(space == 600000);
}

TEST(many)
{
	add_many();
}

static gpointer no_work(gpointer arg)
{
	return arg;
}

/* As where a user may have no more threads. */
TEST(many_without_a_thread)
{
	TRUE(setgid(65534) == 0 || getuid());
	TRUE(setuid(65534) == 0 || getuid());
	EQ(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, 0 }), 0);
	TRUE(!g_thread_try_new("none", no_work, NULL, NULL));
	add_many();
}

TEST(no_room)
{
	TRUE(!run(100, 600000));
	EQ(sums, 100);
}
