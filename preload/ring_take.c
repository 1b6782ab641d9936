/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_take.c - see ring.h and ring_chunks.h: the writer's end of the event ring.
 */
#include <string.h>
#include <sys/resource.h>

#include "ring_chunks.h"
#include "stats.h"
#include "sys.h"

#define SLOW_NS UINT64_C(1000000000) /* after that a reserved record is given up ... */
#define HURRY_NS UINT64_C(100000000) /* ... and after that where room is short */
#define WIPES 32u
#define GIVEN_UP_MAX_BYTES (1ull << 30) /* of address space; then the ring may fill for good */
#define GIVEN_UP_MAX_PART 256u		/* of what `ulimit -v` leaves the program */

/* The writer's: what it has taken off the list, the oldest first. */
static struct {
	struct ring_event *first, *last;
	_Atomic uint64_t consumed;
	uint64_t trimmed_at; /* turn */
	uint64_t given_up_bytes;
	uint8_t *to_wipe[WIPES]; /* memory given up at the last look */
	uint32_t wipes;
} hand;

void ring_drop_hand(void)
{
	memset(&hand, 0, sizeof(hand));
}

/* NULL when its chunk was given up, or is the parent's. */
static struct chunk *chunk_of(const struct ring_event *e)
{
	struct chunk *c = &ring.chunks[e->chunk % CHUNKS_MAX];
	uint8_t *memory = atomic_load_explicit(&c->memory, memory_order_relaxed);

	return memory && (uint64_t)((const uint8_t *)e - memory) < CHUNK_BYTES ? c : NULL;
}

/* What is on the list, turned round, behind what is in hand. */
static void take(void)
{
	struct ring_event *e =
		atomic_exchange_explicit(&ring.committed, NULL, memory_order_acquire);
	struct ring_event *first = NULL, *last = NULL, *older;

	for (; e; e = older) {
		struct chunk *c = chunk_of(e);

		older = e->next;
		if (!c)
			continue;
		c->taken[e->counts]++;
		c->in_hand++;
		e->next = first;
		first = e;
		last = last ? last : e;
	}
	if (hand.first && first)
		hand.last->next = first;
	else if (first)
		hand.first = first;
	if (first)
		hand.last = last;
}

static uint32_t reserved(uint64_t word, uint32_t counts)
{
	return (uint32_t)(word >> COUNT_SHIFT(counts)) & COUNT_MASK;
}

/* Counts what was reserved by word, or by then, and never taken. */
static void lose(const struct chunk *c, const uint32_t *were_reserved)
{
	static const enum prof_loss codes[COUNTS] = { PROF_LOSS_HEAP_RING, PROF_LOSS_FREE_RING,
						      PROF_LOSS_TIMER_RING,
						      PROF_LOSS_CREATION_STACK };

	for (uint32_t k = 0; k < COUNTS; k++)
		if (were_reserved[k] > c->taken[k])
			stats_lose(codes[k], were_reserved[k] - c->taken[k]);
}

static bool all_taken(const struct chunk *c, uint64_t word)
{
	for (uint32_t k = 0; k < COUNTS; k++)
		if (reserved(word, k) != c->taken[k])
			return false;
	return true;
}

static void note_reserved(struct chunk *c)
{
	uint64_t word = atomic_load(&c->word);

	for (uint32_t k = 0; k < COUNTS; k++)
		c->noted[k] = reserved(word, k);
}

/* What is committed late there is on the list until the next take(), its next with it: so
 * memory given up is wiped a look later. */
static void wipe(void)
{
	while (hand.wipes)
		SYS_CALL(SYS_madvise, hand.to_wipe[--hand.wipes], CHUNK_BYTES, MADV_DONTNEED, 0, 0,
			 0);
}

static uint64_t given_up_most(void)
{
	struct rlimit space = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t part;

	SYS_CALL(SYS_prlimit64, 0, RLIMIT_AS, NULL, &space, 0, 0);
	part = space.rlim_cur / GIVEN_UP_MAX_PART;
	return part < GIVEN_UP_MAX_BYTES ? part : GIVEN_UP_MAX_BYTES;
}

/* Other memory for a chunk that holds records which nobody will commit. */
static void give_up(struct chunk *c)
{
	uint8_t *memory = NULL;

	if (hand.given_up_bytes + CHUNK_BYTES <= given_up_most() && hand.wipes < WIPES)
		memory = ring_map_chunks(1);
	if (!memory)
		return;
	hand.given_up_bytes += CHUNK_BYTES;
	note_reserved(c);
	lose(c, c->noted);
	hand.to_wipe[hand.wipes++] = atomic_load(&c->memory);
	atomic_store(&c->memory, memory);
	c->touched = false;
	ring_queue_chunk(c);
}

/* Has the chunk its turn before the first that is still untouched, which goes to the end.
 * A producer that comes by meanwhile finds that one closed and goes on to the next; the turn
 * is then over as it is given, and the chunk settled once more. */
static void reuse(struct chunk *c)
{
	uint64_t limit = atomic_load_explicit(&ring.limit, memory_order_relaxed);

	for (uint64_t turn = atomic_load(&ring.current) + 1; turn < limit; turn++) {
		struct chunk *cold = &ring.chunks[atomic_load(&ring.order[turn % CHUNKS_MAX])];
		uint64_t unused = 0;

		if (cold->touched || !atomic_compare_exchange_strong(&cold->word, &unused, CLOSED))
			continue;
		ring_give_turn(c, turn);
		ring_queue_chunk(cold);
		return;
	}
	ring_queue_chunk(c);
}

/* A chunk whose turn is over: closed, and used again when everything in it is done with. */
static void settle(struct chunk *c)
{
	uint64_t word = atomic_fetch_or(&c->word, CLOSED);

	c->touched = true;
	if (all_taken(c, word) && !c->in_hand)
		reuse(c);
	else if (!c->closed_ns)
		c->closed_ns = sys_now_ns();
}

static bool is_over(const struct chunk *c)
{
	return c->turn < atomic_load_explicit(&ring.current, memory_order_relaxed);
}

/* [writer] Chunks whose turn is over and which are not queued again. */
static uint64_t behind(void)
{
	uint64_t current = atomic_load_explicit(&ring.current, memory_order_relaxed);

	return ring.n - (atomic_load_explicit(&ring.limit, memory_order_relaxed) - current);
}

static void settle_all(void)
{
	for (uint32_t i = 0; i < ring.n && behind(); i++)
		if (is_over(&ring.chunks[i]))
			settle(&ring.chunks[i]);
}

struct ring_event *ring_peek(void)
{
	for (;;) {
		if (!hand.first)
			take();
		if (!hand.first) {
			settle_all();
			return NULL;
		}
		if (hand.first->kind > RING_VOID)
			return hand.first;
		ring_consume(hand.first);
	}
}

void ring_consume(struct ring_event *e)
{
	struct chunk *c = &ring.chunks[e->chunk];

	hand.first = e->next;
	atomic_fetch_add_explicit(&hand.consumed, 1, memory_order_relaxed);
	if (!--c->in_hand && is_over(c))
		settle(c);
}

const struct ring_event *ring_ahead(void)
{
	take();
	return hand.first;
}

void ring_tidy(void)
{
	uint64_t now, patience = behind() > ring.n / 2 ? HURRY_NS : SLOW_NS;

	settle_all();
	take();
	wipe();
	now = sys_now_ns(); /* after what has just been closed */
	for (uint32_t i = 0; i < ring.n; i++) {
		struct chunk *c = &ring.chunks[i];

		if (c->closed_ns && !c->in_hand && now - c->closed_ns > patience)
			give_up(c);
	}
}

void ring_note_reserved(void)
{
	for (uint32_t i = 0; i < ring.n; i++)
		note_reserved(&ring.chunks[i]);
}

void ring_lose_reserved(void)
{
	for (uint32_t i = 0; i < ring.n; i++)
		lose(&ring.chunks[i], ring.chunks[i].noted);
}

/* Memory of chunks long consumed stays ours otherwise.  Closed, so that no producer can be in
 * it; one that comes by meanwhile goes on to the next. */
static void trim(struct chunk *c)
{
	uint64_t unused = 0;

	if (!c->touched || c->turn <= atomic_load(&ring.current) ||
	    !atomic_compare_exchange_strong(&c->word, &unused, CLOSED))
		return;
	SYS_CALL(SYS_madvise, atomic_load(&c->memory), CHUNK_BYTES, MADV_DONTNEED, 0, 0, 0);
	c->touched = false;
	atomic_store_explicit(&c->word, 0, memory_order_release);
}

void ring_trim(void)
{
	const uint64_t least = 8; /* chunks: less is not worth the calls */
	uint64_t current = atomic_load(&ring.current);

	if (ring_has_events() || behind() || current - hand.trimmed_at < least)
		return;
	hand.trimmed_at = current;
	for (uint32_t i = 0; i < ring.n; i++)
		trim(&ring.chunks[i]);
}

bool ring_has_events(void)
{
	return atomic_load_explicit(&ring.committed, memory_order_relaxed) ||
	       __atomic_load_n(&hand.first, __ATOMIC_RELAXED);
}

uint64_t ring_progress(void)
{
	return atomic_load_explicit(&hand.consumed, memory_order_relaxed);
}

uint64_t ring_touched_bytes(void)
{
	uint64_t touched = 1;

	for (uint32_t i = 0; i < ring.n; i++)
		touched += ring.chunks[i].touched;
	return ring.n ? touched * CHUNK_BYTES : 0;
}
