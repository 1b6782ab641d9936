/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c - see ring.h and ring_chunks.h: the ring itself, and its producers.
 */
#include <errno.h>
#include <string.h>

#include "apart.h"
#include "ring_chunks.h"
#include "sys.h"
#include "writer.h"

struct ring ring APART;

uint8_t *ring_map_chunks(uint32_t n)
{
	uint8_t *memory = sys_map((size_t)n * CHUNK_BYTES);

	if (!memory)
		return NULL;
	/* It holds copies of stacks, which the program may have wiped since; and a child has
	 * no use for its parent's events, but may have for the room. */
	SYS_CALL(SYS_madvise, memory, n * CHUNK_BYTES, MADV_DONTDUMP, 0, 0, 0);
	SYS_CALL(SYS_madvise, memory, n * CHUNK_BYTES, MADV_WIPEONFORK, 0, 0, 0);
	return memory;
}

void ring_forget(bool in_use)
{
	atomic_store(&ring.limit, 0);
	atomic_store(&ring.current, 0);
	atomic_store(&ring.committed, NULL);
	for (uint32_t i = 0; i < CHUNKS_MAX; i++) {
		struct chunk *c = &ring.chunks[i];
		uint8_t *memory = in_use ? NULL : atomic_load(&c->memory);

		memset(c, 0, sizeof(*c));
		atomic_store(&c->word, CLOSED);
		atomic_store(&c->memory, memory);
	}
	ring_drop_hand();
}

void ring_give_turn(struct chunk *c, uint64_t turn)
{
	c->turn = turn;
	c->closed_ns = 0;
	memset(c->taken, 0, sizeof(c->taken));
	memset(c->noted, 0, sizeof(c->noted));
	atomic_store_explicit(&ring.order[turn % CHUNKS_MAX], (uint8_t)(c - ring.chunks),
			      memory_order_relaxed);
	/* release: pairs with ring_reserve's acquire of the word */
	atomic_store_explicit(&c->word, 0, memory_order_release);
}

void ring_queue_chunk(struct chunk *c)
{
	uint64_t turn = atomic_load_explicit(&ring.limit, memory_order_relaxed);

	ring_give_turn(c, turn);
	/* release: pairs with next_turn's acquire */
	atomic_store_explicit(&ring.limit, turn + 1, memory_order_release);
}

int ring_init(uint32_t bytes)
{
	uint32_t n = bytes / CHUNK_BYTES;
	uint8_t *memory = NULL;
	bool again = ring.n && atomic_load(&ring.chunks[0].memory);

	if (n > CHUNKS_MAX)
		n = CHUNKS_MAX;
	if (again)
		n = ring.n;
	else
		while (!(memory = ring_map_chunks(n)) && n * CHUNK_BYTES > RING_BYTES_MIN)
			n /= 2;
	if (!again && !memory)
		return -ENOMEM;
	ring_forget(!again);
	ring.n = n;
	for (uint32_t i = 0; i < n; i++) {
		if (!again)
			atomic_store(&ring.chunks[i].memory, memory + (size_t)i * CHUNK_BYTES);
		ring_queue_chunk(&ring.chunks[i]);
	}
	return 0;
}

static uint64_t kept_for_frees(enum ring_kind kind)
{
	bool may_use_all = kind == RING_FREE || kind == RING_FORK || kind == RING_UNLOAD;

	/* two at least are for all: one is left while the other is filled */
	return may_use_all || ring.n == 2 ? 0 : (ring.n + 9) / 10;
}

static uint16_t counts_of(enum ring_kind kind)
{
	switch (kind) {
	case RING_ALLOC: return COUNTS_ALLOC;
	case RING_FREE: return COUNTS_FREE;
	case RING_SAMPLE: return COUNTS_SAMPLE;
	default: return COUNTS_OTHER;
	}
}

/* Each page of its memory would be a fault; what the writer takes now is used again instead, and
 * stacks are known from then on. */
static bool is_fresh(uint64_t turn)
{
	uint32_t i = atomic_load_explicit(&ring.order[turn % CHUNKS_MAX], memory_order_relaxed);

	return !atomic_load_explicit(&ring.chunks[i].touched, memory_order_relaxed);
}

/* The chunk of this turn has no room.  False: no other is free. */
static bool next_turn(uint64_t turn, uint64_t kept)
{
	/* acquire: the chunk's word and memory are those of its turn */
	uint64_t limit = atomic_load_explicit(&ring.limit, memory_order_acquire);

	if (turn + 1 + kept >= limit)
		return false;
	if (atomic_compare_exchange_strong(&ring.current, &turn, turn + 1) &&
	    (turn + 1 + ring.n > limit + ring.n / 4 || is_fresh(turn + 1)))
		writer_ring_bell();
	return true;
}

struct ring_event *ring_reserve(uint32_t bytes, enum ring_kind kind)
{
	uint64_t need = (bytes + UNIT_BYTES - 1) / UNIT_BYTES, kept = kept_for_frees(kind);
	uint16_t counts = counts_of(kind);

	if (need > CHUNK_BYTES / UNIT_BYTES)
		return NULL;
	for (;;) {
		uint64_t turn = atomic_load_explicit(&ring.current, memory_order_acquire);
		uint32_t i =
			atomic_load_explicit(&ring.order[turn % CHUNKS_MAX], memory_order_relaxed);
		struct chunk *c = &ring.chunks[i];
		/* acquire: the writer is done with what it held before the word said so */
		uint64_t word = atomic_load_explicit(&c->word, memory_order_acquire);
		uint8_t *memory = atomic_load_explicit(&c->memory, memory_order_relaxed);
		struct ring_event *e;

		if (turn + kept >= atomic_load_explicit(&ring.limit, memory_order_relaxed))
			return NULL;
		if (word & CLOSED || (word & USED_MASK) + need > CHUNK_BYTES / UNIT_BYTES) {
			if (!next_turn(turn, kept))
				return NULL;
			continue;
		}
		if (!atomic_compare_exchange_weak_explicit(
			    &c->word, &word, word + need + (UINT64_C(1) << COUNT_SHIFT(counts)),
			    memory_order_acquire, memory_order_relaxed))
			continue;
		e = (struct ring_event *)(memory + (word & USED_MASK) * UNIT_BYTES);
		e->chunk = (uint16_t)i;
		e->counts = counts;
		e->kind = (uint8_t)kind;
		e->frames = 0;
		return e;
	}
}

void ring_commit(struct ring_event *e)
{
	struct ring_event *latest = atomic_load_explicit(&ring.committed, memory_order_relaxed);

	do
		e->next = latest;
	while (!atomic_compare_exchange_weak_explicit(&ring.committed, &latest, e,
						      memory_order_release, memory_order_relaxed));
}
