/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ring.c - the event ring: order, content and loss with several
 * producers and one consumer, a producer interrupted between reserve and
 * commit, and the part kept for frees.
 *
 * links: preload/ring.c
 */
#include "../../preload/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "../check.h"

#define RING_BYTES (64u << 10)

/* Stands in for the writer, which is to be woken when the ring fills. */
static _Atomic unsigned bells;
void writer_ring_bell(void);

void writer_ring_bell(void)
{
	atomic_fetch_add(&bells, 1);
}

static struct ring_event *put(enum ring_kind kind, uint32_t stack_bytes, uint64_t size)
{
	struct ring_event *e = ring_reserve(sizeof(*e) + stack_bytes, kind);

	if (!e)
		return NULL;
	e->kind = kind;
	e->size = size;
	e->stack_bytes = stack_bytes;
	memset(e->stack, (int)(size & 0xff), stack_bytes);
	return e;
}

static void intact(const struct ring_event *e)
{
	for (uint32_t i = 0; i < e->stack_bytes; i++)
		EQ(e->stack[i], e->size & 0xff);
}

TEST(empty)
{
	EQ(ring_init(RING_BYTES), 0);
	TRUE(!ring_peek());
	EQ(ring_used(), 0);
}

/* Goes round the ring many times with lengths that never divide it. */
TEST(one_at_a_time_in_order)
{
	EQ(ring_init(RING_BYTES), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		struct ring_event *e = put(RING_ALLOC, i % 1999, i);

		TRUE(e);
		EQ((uintptr_t)e % 8, 0);
		TRUE(!ring_peek());
		ring_commit(e);
		e = ring_peek();
		TRUE(e);
		EQ(e->kind, RING_ALLOC);
		EQ(e->size, i);
		intact(e);
		ring_consume(e);
		TRUE(!ring_peek());
	}
	EQ(ring_used(), 0);
}

TEST(interrupted_producer_keeps_order)
{
	struct ring_event *a, *b;

	EQ(ring_init(RING_BYTES), 0);
	a = put(RING_ALLOC, 100, 1);
	b = put(RING_SAMPLE, 50, 2);
	TRUE(a && b);
	ring_commit(b);
	TRUE(!ring_peek());
	ring_commit(a);
	TRUE(ring_peek() == a);
	ring_consume(a);
	TRUE(ring_peek() == b);
	ring_consume(b);
	TRUE(!ring_peek());
}

TEST(last_part_is_for_frees)
{
	struct ring_event *e;
	uint32_t allocs = 0, frees = 0;

	EQ(ring_init(RING_BYTES), 0);
	while ((e = put(RING_ALLOC, 0, 1)) != NULL) {
		ring_commit(e);
		EQ(bells != 0, ring_used() > RING_BYTES / 4);
		TRUE(++allocs < RING_BYTES / RING_SHORT_BYTES);
	}
	TRUE(ring_used() >= RING_BYTES * 8 / 10);
	while ((e = ring_reserve(RING_SHORT_BYTES, RING_FREE)) != NULL) {
		e->kind = RING_FREE;
		ring_commit(e);
		TRUE(++frees < RING_BYTES / 16);
	}
	TRUE(frees >= RING_BYTES / 20 / RING_SHORT_BYTES);
	TRUE(ring_used() <= RING_BYTES);
	for (; (e = ring_peek()); ring_consume(e))
		if (e->kind == RING_FREE)
			frees--;
		else
			allocs--;
	EQ(allocs, 0);
	EQ(frees, 0);
}

TEST(larger_than_the_ring_is_refused)
{
	EQ(ring_init(RING_BYTES), 0);
	TRUE(!ring_reserve(RING_BYTES + 8, RING_ALLOC));
	TRUE(!ring_peek());
}

#define PRODUCERS 4
#define EVENTS 60000

static _Atomic uint32_t finished, sent[PRODUCERS];

/* An interrupted producer does not keep what came after it from being taken. */
TEST(beyond_an_uncommitted_one)
{
	struct ring_event *held, *e;
	uint64_t place, end;

	EQ(ring_init(RING_BYTES), 0);
	held = put(RING_ALLOC, 100, 1);
	ring_commit(put(RING_ALLOC, 50, 2));
	ring_commit(put(RING_FREE, 0, 3));
	TRUE(!ring_peek());
	place = ring_place();
	end = place + ring_used();
	for (unsigned n = 2; n <= 3; n++) {
		e = ring_peek_beyond(&place, end);
		TRUE(e && e->size == n);
		ring_void(e);
	}
	TRUE(!ring_peek_beyond(&place, end));
	ring_commit(held);
	e = ring_peek();
	TRUE(e == held);
	ring_consume(e);
	TRUE(!ring_peek()); /* the two were taken */
}

/* Taken off its CPU before it had written its length: what is behind is found all the
 * same, across the end of the lap, too. */
static void behind_one_without_a_length(uint32_t bytes_before)
{
	struct ring_event *held, *e;
	uint64_t place, end, header;

	EQ(ring_init(RING_BYTES), 0);
	while (ring_place() < bytes_before) {
		ring_commit(put(RING_ALLOC, 0, 1));
		ring_consume(ring_peek());
	}
	held = ring_reserve(sizeof(*held) + 1000, RING_ALLOC);
	header = held->header;
	held->header = 0;
	held->kind = 0;
	place = ring_place();
	TRUE(!ring_peek_beyond(&place, place + ring_used()));
	for (uint64_t n = 2; n <= 3; n++)
		ring_commit(put(RING_ALLOC, 700, n));
	end = place + ring_used();
	for (uint64_t n = 2; n <= 3; n++) {
		e = ring_peek_beyond(&place, end);
		TRUE(e && e->size == n);
		intact(e);
		ring_void(e);
	}
	TRUE(!ring_peek_beyond(&place, end) && !ring_peek());
	held->header = header;
	held->kind = RING_ALLOC;
	ring_commit(held);
	TRUE(ring_peek() == held);
	ring_consume(held);
	TRUE(!ring_peek());
	EQ(ring_used(), 0);
}

TEST(behind_one_without_a_length)
{
	for (uint32_t before = 0; before < RING_BYTES; before += 1024)
		behind_one_without_a_length(before);
}

/* Sends numbered records of changing length; one that finds the ring full is
 * left out, and its number with it. */
static void *produce(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 1; i <= EVENTS; i++) {
		struct ring_event *e = put(i % 3 ? RING_ALLOC : RING_FREE, (i * 7 + me) % 700, i);

		if (!e) {
			sched_yield();
			continue;
		}
		e->thread = me;
		e->block = (uint64_t)i * PRODUCERS + me;
		ring_commit(e);
		atomic_fetch_add(&sent[me], 1);
	}
	atomic_fetch_add(&finished, 1);
	return NULL;
}

static void right(const struct ring_event *e, uint64_t *last, uint32_t *got)
{
	TRUE(e->thread < PRODUCERS);
	TRUE(e->size > last[e->thread] && e->size <= EVENTS);
	EQ(e->block, e->size * PRODUCERS + e->thread);
	EQ(e->kind, e->size % 3 ? RING_ALLOC : RING_FREE);
	EQ(e->stack_bytes, (e->size * 7 + e->thread) % 700);
	intact(e);
	last[e->thread] = e->size;
	got[e->thread]++;
}

TEST(many_producers)
{
	uint64_t last[PRODUCERS] = { 0 }, place, end;
	uint32_t got[PRODUCERS] = { 0 };
	pthread_t thread[PRODUCERS];
	struct ring_event *e;

	EQ(ring_init(RING_BYTES), 0);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		EQ(pthread_create(&thread[i], NULL, produce, (void *)i), 0);
	for (;;) {
		int over = atomic_load(&finished) == PRODUCERS;

		while ((e = ring_peek())) {
			right(e, last, got);
			ring_consume(e);
		}
		place = ring_place();
		end = place + ring_used();
		while ((e = ring_peek_beyond(&place, end))) {
			right(e, last, got);
			ring_void(e);
		}
		if (over)
			break;
		sched_yield();
	}
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		pthread_join(thread[i], NULL);
		EQ(got[i], atomic_load(&sent[i]));
		TRUE(got[i] > 100);
	}
	EQ(ring_used(), 0);
}
