/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h - the event ring: many producers (hooks and the timer's signal
 * handler, on any thread) to one consumer (the writer).  Variable-length
 * records in the order in which they were committed, no locks.
 *
 *	struct ring_event *e = ring_reserve(bytes, RING_ALLOC);
 *	if (e) { fill e and what follows it; ring_commit(e); }
 *
 *	while ((e = ring_peek())) { use e; ring_consume(e); }
 *
 * Between reserve and commit a producer may be interrupted, put aside, or never come
 * back (a handler that leaves by siglongjmp): nobody waits for it.  What it reserved is
 * counted as lost in the end, and a record is either taken or counted, never both.
 */
#ifndef PROF_RING_H
#define PROF_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"

enum ring_kind {
	RING_VOID,   /* an event given up after its reservation; never seen by the consumer */
	RING_ALLOC,  /* struct ring_event, registers, stack bytes; or frames */
	RING_FREE,   /* up to block */
	RING_SAMPLE, /* timer sample: like RING_ALLOC */
	RING_CREATE, /* pthread_create at a new site: like RING_ALLOC */
	RING_FORK,   /* the program forked; up to block */
	RING_UNLOAD, /* a library was unloaded: struct unload_note; no registers */
};

/* Fixed part of a record; stack_bytes bytes of stack follow it.  A free's ends with block, and
 * struct ring_frame's may stand in the place of the capture. */
struct ring_event {
	struct ring_event *next; /* the event behind it, once the writer has it */
	uint16_t chunk, counts;	 /* ring.c's: where it lies, what it counts as */
	uint8_t kind;		 /* enum ring_kind */
	uint8_t mean_shift;	 /* heap_rate.h's, of an allocation */
	uint16_t frames;	 /* 0, or how many stand in the place of a capture */
	uint64_t t_ns;
	uint32_t thread; /* index of the thread_state, see thread.h */
	uint32_t tid;
	uint64_t block;	       /* sampled block's id; creation site's pc; child's pid */
	uint64_t size;	       /* bytes asked for */
	uint64_t sampled_size; /* bytes it was sampled by: size, or an allocator's size class */
	/* The capture: */
	uint32_t stack_bytes;
	uint32_t valid; /* as struct capture */
	uint32_t cpu;
	uint32_t weight; /* timer: periods this sample stands for */
	bool cut;
	uint64_t regs[ARCH_REGS];
	uint8_t stack[];
};

/* A frame of a stack that the hook knew, the innermost first. */
struct ring_frame {
	uint64_t pc, sp; /* as in struct unwound */
};

static inline struct ring_frame *ring_frames(struct ring_event *e)
{
	return (struct ring_frame *)&e->stack_bytes;
}

/* Of events that are shorter: a free, or a fork, and one with n frames. */
#define RING_FREE_BYTES ((uint32_t)offsetof(struct ring_event, size))
#define RING_KNOWN_BYTES(n) \
	((uint32_t)(offsetof(struct ring_event, stack_bytes) + (n) * sizeof(struct ring_frame)))

#define RING_BYTES_MIN (256u << 10)

/* [init] [child] A ring of bytes (a power of two), or as large a part as there is memory
 * for, at least RING_BYTES_MIN.  A child uses its parent's again.  0 or -errno. */
int ring_init(uint32_t bytes);

/* [child] Forgets the parent's events.  in_use: what the fork came in between may still
 * write to a record of the parent's, so its memory is left to it. */
void ring_forget(bool in_use);

/* [hook] [signal] Room for a record of bytes, or NULL when the ring is too full.
 * Frees, forks and unloads may use the last tenth of the ring, all others may not: a burst
 * of allocations must not lose the frees.  Wakes the writer when a quarter is in use, and
 * where memory that was never used is begun. */
struct ring_event *ring_reserve(uint32_t bytes, enum ring_kind kind);

/* [hook] [signal] Puts e behind all that was committed before (release; pairs with
 * ring_peek's acquire). */
void ring_commit(struct ring_event *e);

/* [writer] The oldest committed record not consumed, or NULL. */
struct ring_event *ring_peek(void);
void ring_consume(struct ring_event *e);

/* [writer] As ring_peek, but given-up records are seen, too, and all that is committed
 * now is behind it, by its next. */
const struct ring_event *ring_ahead(void);

/* [writer] To be called now and then: replaces what holds records that nobody will
 * commit, and counts those as lost. */
void ring_tidy(void);

/* [writer] At the end: counts as lost what is reserved now and not committed by then. */
void ring_note_reserved(void);
void ring_lose_reserved(void);

/* [writer] Gives memory of the empty ring back when much of it was used. */
void ring_trim(void);

/* Any context: whether something waits, how often room has come free, and the bytes of
 * the ring in memory, about. */
bool ring_has_events(void);
uint64_t ring_progress(void);
uint64_t ring_touched_bytes(void);

#endif
