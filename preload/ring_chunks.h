/* SPDX-License-Identifier: Apache-2.0
 *
 * ring_chunks.h - what the two ends of the event ring share: ring.c, where records are
 * made, on the program's threads, and ring_take.c, where the writer takes them.
 *
 * The ring is of chunks, used in turn.  A producer takes room in the current chunk with one
 * compare-and-swap of the chunk's word, fills it at leisure, and commits it by putting it on
 * a list with another.  So there is no moment at which one producer holds up the others or
 * the writer.
 *
 * A chunk left behind is closed by the writer, and used again when all that was reserved in
 * it has been taken, before those that never were: so the ring touches no more of its memory
 * than is in use at a time.  A record that is never committed (its producer was jumped out of)
 * keeps its chunk: after a while that chunk's memory is given up, and another takes its
 * place.  Its addresses are never used for anything else, since the producer may only have
 * been slow: it then writes to memory that nobody reads, and what it commits is passed over.
 */
#ifndef PROF_RING_CHUNKS_H
#define PROF_RING_CHUNKS_H

#include <stdatomic.h>

#include "ring.h"

#define CHUNK_BYTES (128u << 10) /* the largest record, of 64 KiB of stack, is a little over half */
#define CHUNKS_MAX 128u

/* A chunk's word: what is reserved of it in units, whether it is closed, and in 12 bits each how
 * many records were reserved that count as allocations, frees, samples and others.  A unit is a
 * cache line: no two threads write to one. */
#define UNIT_BYTES 64u
#define USED_MASK UINT64_C(0x7fff)
#define CLOSED UINT64_C(0x8000)
#define COUNT_SHIFT(counts) (16u + 12u * (counts))
#define COUNT_MASK 0xfffu
enum { COUNTS_ALLOC, COUNTS_FREE, COUNTS_SAMPLE, COUNTS_OTHER, COUNTS };
_Static_assert(CHUNK_BYTES / UNIT_BYTES <= USED_MASK, "a chunk's word holds its length");
_Static_assert(CHUNK_BYTES / UNIT_BYTES <= COUNT_MASK, "no count overflows");

struct chunk {
	_Alignas(64) _Atomic uint64_t word;
	_Atomic(uint8_t *) memory;
	/* The writer's: */
	_Alignas(64) uint64_t turn; /* its place in the order of use */
	uint64_t closed_ns;	    /* 0: open */
	uint32_t taken[COUNTS];	    /* of the records reserved */
	uint32_t in_hand;	    /* of those taken: not consumed yet */
	uint32_t noted[COUNTS];	    /* see ring_note_reserved */
	_Atomic bool touched;	    /* it has memory, or has once had */
};

/* The chunk of turn n is order[n % CHUNKS_MAX]; turns from current to limit - 1 are free for
 * producers.  A producer that is late may meet a chunk again in a later turn: it takes its
 * room there, as in any other. */
extern struct ring {
	struct chunk chunks[CHUNKS_MAX];
	_Atomic uint8_t order[CHUNKS_MAX];
	uint32_t n;
	_Alignas(64) _Atomic uint64_t current;
	_Alignas(64) _Atomic uint64_t limit;
	_Alignas(64) _Atomic(struct ring_event *) committed; /* the latest, by next the others */
} ring __attribute__((visibility("hidden")));

/* [init] [writer] Memory for n chunks, or NULL. */
uint8_t *ring_map_chunks(uint32_t n);

/* [init] [child] [writer] Opens the chunk, for a turn; for the one after all others. */
void ring_give_turn(struct chunk *c, uint64_t turn);
void ring_queue_chunk(struct chunk *c);

/* [child] Forgets what the parent's writer had in hand. */
void ring_drop_hand(void);

#endif
