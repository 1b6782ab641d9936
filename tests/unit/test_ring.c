/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ring.c - the event ring: order, content and loss with several
 * producers and one consumer, producers that never commit or do so too late, the
 * part kept for frees, and what a forked child has of it.
 *
 * links: preload/ring.c preload/ring_take.c preload/stats.c
 */
#include "../../preload/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../preload/ring_chunks.h"
#include "../../preload/stats.h"
#include "../check.h"

#define RING_BYTES (512u << 10)
#define LATE_US 1100000 /* after that a record is given up */
#define PRODUCERS 4
#define EVENTS 60000

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

/* The next is the event put with this size; it is consumed. */
static void expect(uint64_t size)
{
	struct ring_event *e = ring_peek();

	TRUE(e);
	EQ(e->size, size);
	intact(e);
	ring_consume(e);
}

/* As many as go in; how many. */
static uint32_t fill(enum ring_kind kind)
{
	struct ring_event *e;
	uint32_t n = 0;

	for (; (e = put(kind, 100, n)); n++)
		ring_commit(e);
	return n;
}

static uint32_t take_all(void)
{
	struct ring_event *e;
	uint32_t n = 0;

	for (; (e = ring_peek()); n++)
		ring_consume(e);
	return n;
}

TEST(empty)
{
	EQ(ring_init(RING_BYTES), 0);
	TRUE(!ring_peek());
	TRUE(!ring_has_events());
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
		TRUE(ring_has_events());
		EQ(ring_peek()->kind, RING_ALLOC);
		expect(i);
		TRUE(!ring_peek());
		TRUE(!ring_has_events());
	}
	EQ(ring_progress(), 20000);
}

TEST(order_is_that_of_the_commits)
{
	struct ring_event *a, *b;

	EQ(ring_init(RING_BYTES), 0);
	a = put(RING_ALLOC, 100, 1);
	b = put(RING_SAMPLE, 50, 2);
	TRUE(a && b);
	ring_commit(b);
	expect(2);
	ring_commit(a);
	ring_commit(put(RING_FREE, 0, 3));
	expect(1);
	expect(3);
	TRUE(!ring_peek());
}

TEST(ahead_shows_what_waits)
{
	const struct ring_event *e;

	EQ(ring_init(RING_BYTES), 0);
	for (uint64_t i = 1; i <= 3; i++)
		ring_commit(put(RING_ALLOC, 10, i));
	EQ(ring_peek()->size, 1);
	ring_commit(put(RING_UNLOAD, 10, 4));
	e = ring_ahead();
	for (uint64_t i = 1; i <= 4; i++, e = e->next)
		EQ(e->size, i);
	TRUE(!e);
	for (uint64_t i = 1; i <= 4; i++)
		expect(i);
}

TEST(voided_is_not_seen)
{
	struct ring_event *e;

	EQ(ring_init(RING_BYTES), 0);
	e = put(RING_ALLOC, 10, 1);
	e->kind = RING_VOID;
	ring_commit(e);
	TRUE(!ring_peek());
	ring_note_reserved();
	ring_lose_reserved();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 0);
}

TEST(last_part_is_for_frees)
{
	const uint32_t each =
		((uint32_t)sizeof(struct ring_event) + 100 + 63) & ~63u; /* whole lines */
	uint32_t allocs, frees;

	EQ(ring_init(RING_BYTES), 0);
	allocs = fill(RING_ALLOC);
	TRUE(bells);
	TRUE(allocs * each <= RING_BYTES - RING_BYTES / 10);
	TRUE(allocs * each >= RING_BYTES / 2);
	EQ(fill(RING_CREATE), 0);
	frees = fill(RING_FREE);
	TRUE(frees * each >= RING_BYTES / 10);
	TRUE((allocs + frees) * each <= RING_BYTES);
	EQ(take_all(), allocs + frees);
	TRUE(fill(RING_ALLOC) >= allocs / 2); /* the last chunk is not full yet */
}

TEST(no_bell_while_it_is_nearly_empty)
{
	EQ(ring_init(RING_BYTES), 0);
	for (uint32_t used = 0; used < RING_BYTES / 4; used += 1500)
		ring_commit(put(RING_ALLOC, 1000, 1));
	EQ(bells, 0);
}

/* So much in records of a whole KiB. */
static void put_bytes(uint32_t bytes)
{
	for (uint32_t used = 0; used < bytes; used += 1024)
		ring_commit(put(RING_ALLOC, 1024 - (uint32_t)sizeof(struct ring_event), 1));
}

/* Of the first quarter, too; what was used before is not new. */
TEST(new_memory_is_told)
{
	EQ(ring_init(2u << 20), 0);
	put_bytes(CHUNK_BYTES);
	EQ(bells, 0);
	put_bytes(1024);
	EQ(bells, 1);
	take_all();
	put_bytes(CHUNK_BYTES);
	EQ(bells, 1);
	take_all();
	put_bytes(CHUNK_BYTES);
	EQ(bells, 1);
}

TEST(larger_than_a_chunk_is_refused)
{
	EQ(ring_init(RING_BYTES), 0);
	TRUE(!ring_reserve(RING_BYTES, RING_ALLOC));
	TRUE(!ring_peek());
	TRUE(ring_reserve(65528 + sizeof(struct ring_event), RING_ALLOC));
}

/* Records that nobody commits do not keep the ring from going round, and are counted. */
TEST(never_committed)
{
	EQ(ring_init(RING_BYTES), 0);
	for (unsigned i = 1; i <= 4; i++) {
		TRUE(put(RING_ALLOC, 100, 1)); /* in every chunk, in turn */
		TRUE(put(RING_FREE, 0, 1));
		TRUE(put(RING_SAMPLE, 0, 1));
		fill(RING_FREE);
		take_all();
		usleep(LATE_US);
		ring_tidy();
		EQ(stats_lost[PROF_LOSS_HEAP_RING], i);
		EQ(stats_lost[PROF_LOSS_FREE_RING], i);
		EQ(stats_lost[PROF_LOSS_TIMER_RING], i);
	}
	TRUE(fill(RING_ALLOC) > 100);
	ring_tidy();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 4);
}

/* What is given up is address space that the program may want, too. */
TEST(no_more_is_given_up_than_a_part_of_the_limit)
{
	struct rlimit space = { 64u << 20, 64u << 20 }; /* of which two chunks are the part */

#ifdef __SANITIZE_ADDRESS__
	return; /* its own shadow is above any such limit */
#endif
	EQ(ring_init(RING_BYTES), 0);
	EQ(setrlimit(RLIMIT_AS, &space), 0);
	for (unsigned i = 1; i <= 3; i++) {
		TRUE(put(RING_ALLOC, 100, 1));
		fill(RING_FREE);
		take_all();
		usleep(LATE_US);
		ring_tidy();
		EQ(stats_lost[PROF_LOSS_HEAP_RING], i < 3 ? i : 2);
	}
	ring_note_reserved();
	ring_lose_reserved();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 3);
}

/* ... and one that is committed after all is not taken: it was counted. */
TEST(committed_too_late)
{
	struct ring_event *late;

	EQ(ring_init(RING_BYTES), 0);
	late = put(RING_ALLOC, 100, 77);
	fill(RING_FREE);
	take_all();
	usleep(LATE_US);
	ring_tidy();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 1);
	ring_commit(put(RING_ALLOC, 10, 1));
	memset(late->stack, 77, 100);
	late->chunk = 0;
	ring_commit(late);
	ring_commit(put(RING_ALLOC, 10, 2));
	expect(1);
	expect(2);
	TRUE(!ring_peek());
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 1);
}

/* Slow, but not too late. */
TEST(committed_late)
{
	struct ring_event *slow;

	EQ(ring_init(RING_BYTES), 0);
	slow = put(RING_ALLOC, 100, 7);
	fill(RING_FREE);
	take_all();
	usleep(20000);
	ring_tidy();
	ring_commit(slow);
	expect(7);
	ring_tidy();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 0);
}

/* The chunk is seen to be over only now: its slow producer has a second from here. */
TEST(tidy_does_not_give_up_what_it_closes)
{
	struct ring_event *slow, *e;

	EQ(ring_init(RING_BYTES), 0);
	slow = put(RING_ALLOC, 100, 7);
	for (uint64_t i = 100; (e = put(RING_ALLOC, 1000, i))->chunk == slow->chunk; i++) {
		ring_commit(e);
		expect(i);
	}
	e->size = 9;
	memset(e->stack, 9, 1000);
	ring_commit(e);
	ring_tidy();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 0);
	ring_commit(slow);
	expect(9);
	expect(7);
}

/* The least that there may be goes round, too. */
TEST(two_chunks)
{
	EQ(ring_init(RING_BYTES_MIN), 0);
	for (unsigned i = 0; i < 100; i++) {
		TRUE(fill(RING_ALLOC) > 100);
		take_all();
	}
}

TEST(reserved_at_the_end_is_lost)
{
	struct ring_event *e;

	EQ(ring_init(RING_BYTES), 0);
	e = put(RING_ALLOC, 100, 7);
	TRUE(put(RING_ALLOC, 100, 8));
	ring_note_reserved();
	ring_commit(e);
	TRUE(put(RING_ALLOC, 100, 9)); /* begun later: another's affair */
	EQ(take_all(), 1);
	ring_lose_reserved();
	EQ(stats_lost[PROF_LOSS_HEAP_RING], 1);
}

TEST(memory_is_given_back)
{
	EQ(ring_init(RING_BYTES * 8), 0);
	fill(RING_ALLOC);
	take_all();
	TRUE(ring_touched_bytes() > RING_BYTES * 6);
	ring_trim();
	TRUE(ring_touched_bytes() <= RING_BYTES);
	for (unsigned i = 0; i < 3; i++) {
		TRUE(fill(RING_ALLOC) > 100);
		take_all();
		ring_trim();
	}
}

/* What was used is used again before what was not. */
TEST(memory_untouched_stays_so)
{
	EQ(ring_init(RING_BYTES * 8), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		struct ring_event *e = put(RING_ALLOC, 1000, i);

		TRUE(e);
		ring_commit(e);
		expect(i);
		TRUE(!ring_peek());
	}
	TRUE(ring_touched_bytes() <= RING_BYTES);
	TRUE(fill(RING_ALLOC) * (sizeof(struct ring_event) + 100) >
	     RING_BYTES * 6); /* all is there */
	take_all();
	TRUE(ring_touched_bytes() > RING_BYTES * 6);
}

/* ... but not before one in which a late producer, which took the turn for its own, has begun:
 * that one stays where it is. */
TEST(chunk_begun_early_stays)
{
	struct ring_event *late, *e;
	uint32_t n;

	EQ(ring_init(RING_BYTES * 2), 0);
	for (n = 0; atomic_load(&ring.current) == 0; n++)
		ring_commit(put(RING_ALLOC, 1000, n));
	atomic_store(&ring.current, 2);
	late = put(RING_ALLOC, 1000, 77);
	atomic_store(&ring.current, 1);
	EQ(take_all(), n);
	n = fill(RING_FREE); /* to the last chunk's end */
	ring_commit(late);
	for (n++; (e = ring_peek()); n--) {
		intact(e);
		ring_consume(e);
	}
	EQ(n, 0);
}

/* A child begins with an empty ring; what it was in the middle of goes nowhere. */
static void child_of(bool in_use)
{
	struct ring_event *first, *e, *mine;
	int status;

	EQ(ring_init(RING_BYTES), 0);
	first = put(RING_ALLOC, 100, 1);
	ring_commit(first);
	e = put(RING_ALLOC, 100, 2);
	if (!fork()) {
		ring_forget(in_use);
		TRUE(!put(RING_ALLOC, 10, 3));
		EQ(ring_init(RING_BYTES), 0);
		TRUE(!ring_peek());
		mine = put(RING_ALLOC, 100, 4);
		EQ(mine == first, !in_use); /* the room is the parent's, or other */
		if (in_use) {
			memset(e->stack, 9, 100);
			ring_commit(e);
		}
		ring_commit(mine);
		expect(4);
		TRUE(!ring_peek());
		_exit(0);
	}
	TRUE(wait(&status) > 0 && status == 0);
	ring_commit(e);
	expect(1);
	expect(2);
}

TEST(child)
{
	child_of(false);
}

TEST(child_of_a_handler_that_came_between)
{
	child_of(true);
}

static _Atomic uint32_t finished, sent[PRODUCERS], left[PRODUCERS];

#define FULL_TIMES 1000000u /* records that are never committed keep a chunk for 100 ms */

/* Sends numbered records of changing length; one that finds the ring full too often is
 * left out, and its number with it; now and then one is never committed. */
static void *produce(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg, full = 0;

	for (uint32_t i = 1; i <= EVENTS; i++) {
		struct ring_event *e = put(i % 3 ? RING_ALLOC : RING_FREE, (i * 7 + me) % 700, i);

		if (!e) {
			sched_yield();
			i -= full++ < FULL_TIMES;
			continue;
		}
		e->thread = me;
		e->block = (uint64_t)i * PRODUCERS + me;
		if (i % 9973 == 0) {
			atomic_fetch_add(&left[me], 1);
			continue;
		}
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
	uint64_t last[PRODUCERS] = { 0 }, lost = 0;
	uint32_t got[PRODUCERS] = { 0 };
	pthread_t thread[PRODUCERS];
	struct ring_event *e;

	EQ(ring_init(RING_BYTES), 0);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		EQ(pthread_create(&thread[i], NULL, produce, (void *)i), 0);
	for (bool over = false; !over; sched_yield()) {
		over = atomic_load(&finished) == PRODUCERS;
		for (; (e = ring_peek()); ring_consume(e))
			right(e, last, got);
		ring_tidy();
		ring_trim();
	}
	ring_note_reserved();
	ring_lose_reserved();
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		pthread_join(thread[i], NULL);
		EQ(got[i], atomic_load(&sent[i]));
		TRUE(got[i] > 100);
		lost += atomic_load(&left[i]);
	}
	EQ(stats_lost[PROF_LOSS_HEAP_RING] + stats_lost[PROF_LOSS_FREE_RING], lost);
	TRUE(!ring_has_events());
}
