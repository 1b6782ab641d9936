/* SPDX-License-Identifier: Apache-2.0
 *
 * test_heap_record.c - what becomes of an event whose recording a handler jumps out of:
 * at each step it is in the ring, or counted as lost.  The table of live blocks is a
 * stand-in, of one block.
 *
 * links: preload/heap_record.c preload/capture.c preload/ring.c preload/ring_take.c preload/stats.c
 */
#include "../../preload/heap_record.h"

#include <setjmp.h>
#include <stdatomic.h>

#include "../../preload/config.h"
#include "../../preload/known_stacks.h"
#include "../../preload/live.h"
#include "../../preload/ring.h"
#include "../../preload/state.h"
#include "../../preload/stats.h"
#include "../../preload/writer.h"
#include "../check.h"

#define RING_BYTES (512u << 10)

struct config config = { .heap_bytes = 1 << 19, .stack_bytes = 4096 };
struct state state = { .phase = STATE_ON };
__thread struct thread_tls thread_tls;
static struct thread_state self;

void writer_ring_bell(void)
{
}

bool thread_stack_bounds(uint64_t sp, uint64_t *high)
{
	*high = sp + 256;
	return true;
}

static enum { KNOWN_NOT, KNOWN, KNOWN_REPLACED } known;

bool known_stack_find(const uint64_t regs[ARCH_REGS], uint32_t stack_bytes, struct known_stack *k)
{
	TRUE(regs[ARCH_SP] && stack_bytes == 256);
	k->frames = 2;
	return known != KNOWN_NOT;
}

bool known_stack_frames(const struct known_stack *k, struct ring_frame *to)
{
	for (uint32_t i = 0; i < k->frames; i++)
		to[i] = (struct ring_frame){ 100 + i, 200 + i };
	return known == KNOWN;
}

static uint64_t live_address, live_id;
static jmp_buf out;
static enum { JUMP_NOT, JUMP_BEFORE, JUMP_AFTER } jump; /* of the table's change */

static void changed(bool has)
{
	if (jump == (has ? JUMP_AFTER : JUMP_BEFORE))
		longjmp(out, 1);
}

void live_keep_sparse(void)
{
}

int live_put(uint64_t address, uint64_t id, uint64_t *old)
{
	changed(false);
	*old = live_address == address ? live_id : 0;
	live_address = address;
	live_id = id;
	changed(true);
	return 0;
}

uint64_t live_take(uint64_t address)
{
	uint64_t id = live_address == address ? live_id : 0;

	changed(false);
	if (id)
		live_address = live_id = 0;
	changed(true);
	return id;
}

static void start(void)
{
	thread_tls.self = &self;
	EQ(ring_init(RING_BYTES), 0);
	live_address = live_id = 0;
	jump = JUMP_NOT;
	known = KNOWN_NOT;
}

static void expect(enum ring_kind kind, uint64_t id)
{
	struct ring_event *e = ring_peek();

	TRUE(e);
	EQ(e->kind, kind);
	EQ(e->block, id);
	ring_consume(e);
}

/* At the end: what was begun and not committed. */
static void lost_are(uint64_t allocs, uint64_t frees)
{
	TRUE(!ring_peek());
	ring_note_reserved();
	ring_lose_reserved();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], allocs);
	EQ(stats_lost[PROF_LOSS_FREE_RING], frees);
}

TEST(a_block_and_its_end)
{
	char block[16];
	uint64_t id;

	start();
	heap_record_alloc(&self, block, 16, 16, 0);
	id = live_id;
	expect(RING_ALLOC, id);
	heap_record_free(&self, block);
	expect(RING_FREE, id);
	heap_record_free(&self, block); /* another thread was faster */
	lost_are(0, 0);
}

TEST(moved_by_realloc)
{
	char block[16];
	uint64_t id;

	start();
	heap_record_alloc(&self, block, 16, 16, 0);
	id = live_take((uint64_t)(uintptr_t)block);
	expect(RING_ALLOC, id);
	heap_record_moved(&self, id);
	expect(RING_FREE, id);
	lost_are(0, 0);
}

/* Its frames instead of a copy; a copy after all when they were replaced meanwhile. */
TEST(a_stack_that_is_known)
{
	char block[16];
	struct ring_event *e;

	start();
	known = KNOWN;
	heap_record_alloc(&self, block, 16, 16, 0);
	e = ring_peek();
	EQ(e->frames, 2);
	EQ(ring_frames(e)[1].pc, 101);
	EQ(ring_frames(e)[1].sp, 201);
	EQ(e->size, 16);
	expect(RING_ALLOC, live_id);
	known = KNOWN_REPLACED;
	heap_record_alloc(&self, block + 1, 16, 16, 0);
	e = ring_peek();
	EQ(e->frames, 0);
	EQ(e->stack_bytes, 256);
	expect(RING_ALLOC, live_id);
	lost_are(0, 0);
}

/* Two threads take ids from one supply. */
TEST(each_block_has_an_id_of_its_own)
{
	static struct thread_state other;
	static bool seen[1000];
	char block[16];

	start();
	for (unsigned i = 0; i < 300; i++) {
		heap_record_alloc(i % 3 ? &self : &other, block, 16, 16, 0);
		heap_record_free(&self, block);
		TRUE(ring_peek()->block && ring_peek()->block < 1000);
		TRUE(!seen[ring_peek()->block]);
		seen[ring_peek()->block] = true;
		ring_consume(ring_peek());
		ring_consume(ring_peek());
	}
	lost_are(0, 0);
}

/* Its free went round us. */
TEST(a_block_in_the_place_of_another)
{
	char block[16];
	uint64_t first;

	start();
	heap_record_alloc(&self, block, 16, 16, 0);
	first = live_id;
	heap_record_alloc(&self, block, 32, 32, 0);
	expect(RING_ALLOC, first);
	expect(RING_ALLOC, live_id);
	expect(RING_FREE, first);
	lost_are(0, 0);
}

static void jumped_out_of_free(int when)
{
	char block[16];

	start();
	heap_record_alloc(&self, block, 16, 16, 0);
	expect(RING_ALLOC, live_id);
	jump = when;
	if (!setjmp(out))
		heap_record_free(&self, block);
	lost_are(0, 1);
}

TEST(jumped_out_of_free_before_it_was_taken)
{
	jumped_out_of_free(JUMP_BEFORE);
}

/* The block is in the table no more: nobody else will tell of its end. */
TEST(jumped_out_of_free_after_it_was_taken)
{
	jumped_out_of_free(JUMP_AFTER);
}

static void jumped_out_of_malloc(int when)
{
	char block[16];

	start();
	jump = when;
	if (!setjmp(out))
		heap_record_alloc(&self, block, 16, 16, 0);
	lost_are(1, 0);
}

TEST(jumped_out_of_malloc_before_it_was_put)
{
	jumped_out_of_malloc(JUMP_BEFORE);
}

TEST(jumped_out_of_malloc_after_it_was_put)
{
	jumped_out_of_malloc(JUMP_AFTER);
}

TEST(no_room_is_a_loss)
{
	char block[16];
	unsigned n = 0;

	start();
	while (!stats_lost[PROF_LOSS_HEAP_RING]) {
		heap_record_alloc(&self, block + n % 16, 16, 16, 0);
		n++;
	}
	EQ(stats_lost[PROF_LOSS_FREE_RING], 0); /* the last part is for these */
	heap_record_free(&self, (void *)(uintptr_t)live_address);
	EQ(stats_lost[PROF_LOSS_FREE_RING], 0);
}
