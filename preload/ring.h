/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h - the event ring: many producers (hooks and the timer's signal
 * handler, on any thread) to one consumer (the writer).  Variable-length
 * records in the order of their reservation, no locks.
 *
 *	struct ring_event *e = ring_reserve(bytes, RING_ALLOC);
 *	if (e) { fill e and what follows it; ring_commit(e); }
 *
 *	while ((e = ring_peek())) { use e; ring_consume(e); }
 *
 * A signal may interrupt a producer between reserve and commit: what comes
 * behind is then seen after the interrupted one commits.
 */
#ifndef PROF_RING_H
#define PROF_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"

enum ring_kind {
	RING_PAD,    /* the ring's own: filler up to its end */
	RING_VOID,   /* an event given up after its reservation; never seen by the consumer */
	RING_ALLOC,  /* struct ring_event, registers, stack bytes */
	RING_FREE,   /* no registers */
	RING_SAMPLE, /* timer sample: like RING_ALLOC */
	RING_CREATE, /* pthread_create at a new site: like RING_ALLOC */
	RING_FORK,   /* the program forked; no registers */
	RING_UNLOAD, /* a library was unloaded: struct unload_note; no registers */
};

/* Fixed part of a record; stack_bytes bytes of stack follow it. */
struct ring_event {
	_Atomic uint64_t header; /* ring.c's: length, committed */
	uint64_t t_ns;
	uint32_t kind;	 /* enum ring_kind */
	uint32_t thread; /* index of the thread_state, see thread.h */
	uint32_t tid, cpu;
	uint64_t block;	       /* sampled block's id; creation site's pc; child's pid */
	uint64_t size;	       /* bytes asked for */
	uint64_t sampled_size; /* bytes it was sampled by: size, or an allocator's size class */
	uint32_t weight;       /* timer: periods this sample stands for */
	uint32_t stack_bytes;
	uint32_t valid; /* as struct capture */
	bool cut;
	uint64_t regs[ARCH_REGS];
	uint8_t stack[];
};

#define RING_SHORT_BYTES ((uint32_t)(sizeof(struct ring_event) - sizeof(uint64_t) * ARCH_REGS))

/* [init] [child] Maps a ring of bytes (a power of two), or as large a part as there is memory
 * for, at least RING_BYTES_MIN.  0 or -errno. */
#define RING_BYTES_MIN (256u << 10)
int ring_init(uint32_t bytes);

/* [child] Forgets the parent's ring. */
void ring_forget(void);

/* [hook] [signal] Room for a record of bytes, or NULL when the ring is too full.
 * Frees and forks may use the last tenth of the ring, all others may not: a burst of
 * allocations must not lose the frees. */
struct ring_event *ring_reserve(uint32_t bytes, enum ring_kind kind);

/* [hook] [signal] Publishes e (release; pairs with ring_peek's acquire).  Rings the
 * writer's bell when the ring has become a quarter full. */
void ring_commit(struct ring_event *e);

/* [writer] The oldest committed record, or NULL. */
struct ring_event *ring_peek(void);
void ring_consume(struct ring_event *e);

/* [writer] For what waits behind a producer that was taken off its CPU between reserve and
 * commit: the next committed record at or after *place (from ring_place()) and before end,
 * or NULL; *place moves behind it.  ring_void() takes it where it lies; its room comes free
 * in its turn. */
struct ring_event *ring_peek_beyond(uint64_t *place, uint64_t end);
void ring_void(struct ring_event *e);

/* [writer] Gives memory of the empty ring back when much of it was used. */
void ring_trim(void);

/* Any context: how far the consumer has come. */
uint64_t ring_place(void);

/* Any context: bytes waiting in the ring, and bytes of it in memory, about. */
uint32_t ring_used(void);
uint64_t ring_touched_bytes(void);

#endif
