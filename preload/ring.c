/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c - see ring.h.  A producer moves head over the bytes it wants
 * (compare and swap), fills them, then publishes the record's header; the
 * consumer takes records at tail until it meets one that is not committed, and
 * zeroes what it has taken so that the next lap finds headers of 0.
 */
#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "sys.h"
#include "writer.h"

#define RING_COMMITTED UINT64_C(1)
#define RING_HEADER_BYTES 8u

static uint8_t *ring;
static uint64_t ring_bytes;
static _Alignas(64) _Atomic uint64_t ring_head; /* next byte to reserve */
static _Alignas(64) _Atomic uint64_t ring_tail; /* next byte to consume */

#define PAGE_BYTES 4096u
#define TRIM_BYTES (1u << 20) /* less is not worth a call */
static uint64_t trimmed_at;   /* head after the last ring_trim; the writer's */

/* [child] The parent's is not mapped here. */
void ring_forget(void)
{
	ring = NULL;
	ring_bytes = 0;
}

int ring_init(uint32_t bytes)
{
	do
		ring = sys_map_unforked(bytes);
	while (!ring && (bytes /= 2) >= RING_BYTES_MIN);
	ring_bytes = ring ? bytes : 0;
	/* It holds copies of stacks, which the program may have wiped since. */
	if (ring)
		SYS_CALL(SYS_madvise, ring, bytes, MADV_DONTDUMP, 0, 0, 0);
	atomic_store(&ring_head, 0);
	atomic_store(&ring_tail, 0);
	trimmed_at = 0;
	return ring ? 0 : -ENOMEM;
}

static uint64_t ring_limit(enum ring_kind kind)
{
	bool may_use_reserve = kind == RING_FREE || kind == RING_FORK || kind == RING_UNLOAD;

	return may_use_reserve ? ring_bytes : ring_bytes - ring_bytes / 10;
}

/* A record never wraps: where it would, the rest of the lap becomes a PAD
 * record, reserved in the same step. */
struct ring_event *ring_reserve(uint32_t bytes, enum ring_kind kind)
{
	uint64_t need = (bytes + 7u) & ~7u, limit = ring_limit(kind), pad;
	uint64_t head = atomic_load_explicit(&ring_head, memory_order_relaxed);
	struct ring_event *e;

	if (!ring)
		return NULL;
	for (;;) {
		uint64_t left = ring_bytes - (head & (ring_bytes - 1));
		/* acquire: the consumer's zeroing comes before our filling */
		uint64_t tail = atomic_load_explicit(&ring_tail, memory_order_acquire);

		pad = left < need ? left : 0;
		/* Preempted between the two loads, head may be old news: ahead of it is nothing. */
		if ((int64_t)(head - tail) < 0)
			head = atomic_load_explicit(&ring_head, memory_order_relaxed);
		else if (head + pad + need - tail > limit)
			return NULL;
		else if (atomic_compare_exchange_weak_explicit(&ring_head, &head, head + pad + need,
							       memory_order_relaxed,
							       memory_order_relaxed))
			break;
	}
	if (pad) {
		_Atomic uint64_t *header = (_Atomic uint64_t *)(ring + (head & (ring_bytes - 1)));

		atomic_store_explicit(header, pad << 8 | RING_PAD << 1 | RING_COMMITTED,
				      memory_order_release);
	}
	e = (struct ring_event *)(ring + ((head + pad) & (ring_bytes - 1)));
	/* Not committed yet: the length only waits there for ring_commit.  It comes before
	 * all else in the record (see skip_unwritten). */
	atomic_store_explicit(&e->header, need << 8, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	e->kind = kind;
	return e;
}

void ring_commit(struct ring_event *e)
{
	uint64_t length = atomic_load_explicit(&e->header, memory_order_relaxed);

	/* release: pairs with ring_peek's acquire of the same word */
	atomic_store_explicit(&e->header, length | (uint64_t)e->kind << 1 | RING_COMMITTED,
			      memory_order_release);
	if (ring_used() > ring_bytes / 4)
		writer_ring_bell();
}

static enum ring_kind record_kind(uint64_t header)
{
	return (enum ring_kind)(header >> 1 & 127);
}

struct ring_event *ring_peek(void)
{
	for (;;) {
		uint64_t tail = atomic_load_explicit(&ring_tail, memory_order_relaxed);
		struct ring_event *e;
		uint64_t header;

		if (!ring || tail == atomic_load_explicit(&ring_head, memory_order_relaxed))
			return NULL;
		e = (struct ring_event *)(ring + (tail & (ring_bytes - 1)));
		header = atomic_load_explicit(&e->header, memory_order_acquire);
		if (!(header & RING_COMMITTED))
			return NULL;
		if (record_kind(header) > RING_VOID)
			return e;
		ring_consume(e);
	}
}

void ring_consume(struct ring_event *e)
{
	uint64_t header = atomic_load_explicit(&e->header, memory_order_relaxed);
	uint64_t bytes = header >> 8;

	/* A PAD holds nothing but its header, and may span what was just trimmed. */
	memset(e, 0, record_kind(header) == RING_PAD ? RING_HEADER_BYTES : bytes);
	/* release: the zeroes are there before a producer may reuse the bytes */
	atomic_store_explicit(&ring_tail,
			      atomic_load_explicit(&ring_tail, memory_order_relaxed) + bytes,
			      memory_order_release);
}

/* The first word at or after place and before end that is not 0, or end. */
static uint64_t find_written(uint64_t place, uint64_t end)
{
	/* acquire: what is seen of a record was written after its header */
	for (; place < end; place += sizeof(uint64_t)) {
		_Atomic uint64_t *word = (_Atomic uint64_t *)(ring + (place & (ring_bytes - 1)));

		if (atomic_load_explicit(word, memory_order_acquire))
			break;
	}
	return place;
}

/* From a record without a length, whose producer was taken off its CPU right after it had
 * moved head, to the next that has one, or end.  Free bytes are 0, so it is the next word
 * that is not, unless that is the inside of a record which began a moment ago: then its
 * header is seen the next time. */
static uint64_t skip_unwritten(uint64_t place, uint64_t end)
{
	uint64_t found = end, before;

	do {
		before = found;
		found = find_written(place, end);
	} while (found != before);
	return found;
}

struct ring_event *ring_peek_beyond(uint64_t *place, uint64_t end)
{
	while (ring && *place < end) {
		uint64_t at = skip_unwritten(*place, end), header;
		struct ring_event *e = (struct ring_event *)(ring + (at & (ring_bytes - 1)));

		if (at == end)
			return NULL;
		header = atomic_load_explicit(&e->header, memory_order_acquire);
		*place = at + (header >> 8);
		if ((header & RING_COMMITTED) && record_kind(header) > RING_VOID)
			return e;
	}
	return NULL;
}

void ring_void(struct ring_event *e)
{
	uint64_t length = atomic_load_explicit(&e->header, memory_order_relaxed) >> 8;

	atomic_store_explicit(&e->header, length << 8 | RING_VOID << 1 | RING_COMMITTED,
			      memory_order_relaxed);
}

uint64_t ring_place(void)
{
	return atomic_load_explicit(&ring_tail, memory_order_relaxed);
}

uint32_t ring_used(void)
{
	/* In this order head is never behind. */
	uint64_t tail = atomic_load_explicit(&ring_tail, memory_order_acquire);

	return (uint32_t)(atomic_load_explicit(&ring_head, memory_order_relaxed) - tail);
}

/* Memory of a lap long consumed stays ours otherwise.  Half of the empty ring is
 * reserved as one PAD record, so that no producer can be in it, its pages are
 * given back (they read as zeros again, as free bytes must), and the record is
 * consumed. */
void ring_trim(void)
{
	uint64_t head = atomic_load_explicit(&ring_head, memory_order_relaxed);
	uint64_t left = ring_bytes - (head & (ring_bytes - 1)), pad = ring_bytes / 2;
	_Atomic uint64_t *header;
	uintptr_t from, to;

	if (!ring || head != atomic_load_explicit(&ring_tail, memory_order_relaxed) ||
	    head - trimmed_at < TRIM_BYTES)
		return;
	pad = left < pad ? left : pad;
	if (!atomic_compare_exchange_strong(&ring_head, &head, head + pad))
		return;
	header = (_Atomic uint64_t *)(ring + (head & (ring_bytes - 1)));
	from = ((uintptr_t)header + RING_HEADER_BYTES + PAGE_BYTES - 1) & -(uintptr_t)PAGE_BYTES;
	to = ((uintptr_t)header + pad) & -(uintptr_t)PAGE_BYTES;
	if (to > from)
		SYS_CALL(SYS_madvise, from, to - from, MADV_DONTNEED, 0, 0, 0);
	trimmed_at = head + pad;
	atomic_store_explicit(header, pad << 8 | RING_PAD << 1 | RING_COMMITTED,
			      memory_order_release);
}

uint64_t ring_touched_bytes(void)
{
	uint64_t touched = atomic_load_explicit(&ring_head, memory_order_relaxed) - trimmed_at;

	return touched < ring_bytes ? touched : ring_bytes;
}
