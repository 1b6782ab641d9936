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

#include "stats.h"
#include "sys.h"
#include "writer.h"

/* A record's header: its owner (while not committed) in the upper 24 bits, its length in 32,
 * its kind in 7, committed in 1. */
#define RING_COMMITTED UINT64_C(1)
#define OWNER_SHIFT 40u
#define RING_HEADER_BYTES 8u
#define STUCK_NS UINT64_C(1000000000)

/* The ring in use is current; those before it are left as they are, since somebody may
 * still be writing to a record there. */
#define RINGS_MAX 8u
#define CLOSED (UINT64_C(1) << 62) /* in head: nothing can be reserved any more */

struct ring {
	uint8_t *memory;
	uint64_t bytes;
	_Alignas(64) _Atomic uint64_t head; /* next byte to reserve */
	_Alignas(64) _Atomic uint64_t tail; /* next byte to consume */
};
static struct ring rings[RINGS_MAX];
static _Atomic(struct ring *) current;

#define PAGE_BYTES 4096u
#define TRIM_BYTES (1u << 20) /* less is not worth a call */
static uint64_t trimmed_at;   /* head after the last ring_trim; the writer's */

static struct ring *ring_now(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

/* [child] The parent's are not mapped here. */
void ring_forget(void)
{
	atomic_store(&current, NULL);
	memset(rings, 0, sizeof(rings));
}

int ring_init(uint32_t bytes)
{
	struct ring *r = rings;

	while (r < rings + RINGS_MAX && r->memory)
		r++;
	if (r == rings + RINGS_MAX)
		return -EMFILE;
	do
		r->memory = sys_map_unforked(bytes);
	while (!r->memory && (bytes /= 2) >= RING_BYTES_MIN);
	if (!r->memory)
		return -ENOMEM;
	r->bytes = bytes;
	/* It holds copies of stacks, which the program may have wiped since. */
	SYS_CALL(SYS_madvise, r->memory, bytes, MADV_DONTDUMP, 0, 0, 0);
	trimmed_at = 0;
	atomic_store(&current, r);
	return 0;
}

void ring_share(bool with_child)
{
	int advice = with_child ? MADV_DOFORK : MADV_DONTFORK;

	for (struct ring *r = rings; r < rings + RINGS_MAX && r->memory; r++)
		SYS_CALL(SYS_madvise, r->memory, r->bytes, advice, 0, 0, 0);
}

static _Atomic uint64_t *header_at(const struct ring *r, uint64_t place)
{
	return (_Atomic uint64_t *)(r->memory + (place & (r->bytes - 1)));
}

static uint64_t ring_limit(const struct ring *r, enum ring_kind kind)
{
	bool may_use_reserve = kind == RING_FREE || kind == RING_FORK || kind == RING_UNLOAD;

	return may_use_reserve ? r->bytes : r->bytes - r->bytes / 10;
}

/* The owner's note comes before the reservation, since a jump may come right after it;
 * whether it came to pass, the header says. */
static bool try_head(struct ring *r, uint64_t *head, uint64_t pad, uint64_t need,
		     const struct ring_owner *owner)
{
	if (owner->event)
		*owner->event = (struct ring_event *)header_at(r, *head + pad);
	atomic_signal_fence(memory_order_seq_cst);
	return atomic_compare_exchange_weak_explicit(&r->head, head, *head + pad + need,
						     memory_order_relaxed, memory_order_relaxed);
}

/* A record never wraps: where it would, the rest of the lap becomes a PAD
 * record, reserved in the same step. */
static struct ring_event *reserve_in(struct ring *r, uint32_t bytes, enum ring_kind kind,
				     const struct ring_owner *owner)
{
	uint64_t need = (bytes + 7u) & ~7u, limit = ring_limit(r, kind), pad;
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	struct ring_event *e;

	for (;;) {
		uint64_t left = r->bytes - (head & (r->bytes - 1));
		/* acquire: the consumer's zeroing comes before our filling */
		uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

		pad = left < need ? left : 0;
		/* Preempted between the two loads, head may be old news: ahead of it is nothing. */
		if ((int64_t)(head - tail) < 0)
			head = atomic_load_explicit(&r->head, memory_order_relaxed);
		else if (head + pad + need - tail > limit)
			return NULL;
		else if (try_head(r, &head, pad, need, owner))
			break;
	}
	if (pad)
		atomic_store_explicit(header_at(r, head), pad << 8 | RING_PAD << 1 | RING_COMMITTED,
				      memory_order_release);
	e = (struct ring_event *)header_at(r, head + pad);
	/* Not committed yet: the length only waits there for ring_commit.  It comes before
	 * all else in the record (see skip_unwritten). */
	atomic_store_explicit(&e->header, (uint64_t)owner->number << OWNER_SHIFT | need << 8,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	e->kind = kind;
	return e;
}

struct ring_event *ring_reserve_for(const struct ring_owner *owner, uint32_t bytes,
				    enum ring_kind kind)
{
	struct ring *r = ring_now();

	return r ? reserve_in(r, bytes, kind, owner) : NULL;
}

struct ring_event *ring_reserve(uint32_t bytes, enum ring_kind kind)
{
	return ring_reserve_for(&(struct ring_owner){ 0, NULL }, bytes, kind);
}

static uint64_t record_bytes(uint64_t header)
{
	return header >> 8 & UINT32_MAX;
}

void ring_commit(struct ring_event *e)
{
	uint64_t bytes = record_bytes(atomic_load_explicit(&e->header, memory_order_relaxed));

	/* release: pairs with ring_peek's acquire of the same word */
	atomic_store_explicit(&e->header, bytes << 8 | (uint64_t)e->kind << 1 | RING_COMMITTED,
			      memory_order_release);
	if (ring_used() > ring_now()->bytes / 4)
		writer_ring_bell();
}

static void give_up(struct ring_event *e, uint64_t header)
{
	atomic_compare_exchange_strong(&e->header, &header,
				       record_bytes(header) << 8 | RING_VOID << 1 | RING_COMMITTED);
}

bool ring_give_up(struct ring_event *e, uint32_t owner)
{
	uint64_t header = atomic_load(&e->header);

	/* Another's: the reservation did not come to pass. */
	if (header & RING_COMMITTED || header >> OWNER_SHIFT != owner)
		return false;
	give_up(e, header);
	return true;
}

static enum ring_kind record_kind(uint64_t header)
{
	return (enum ring_kind)(header >> 1 & 127);
}

struct ring_event *ring_peek(void)
{
	struct ring *r = ring_now();

	while (r) {
		uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed), header;
		struct ring_event *e = (struct ring_event *)header_at(r, tail);

		if (tail == (atomic_load_explicit(&r->head, memory_order_relaxed) & ~CLOSED))
			return NULL;
		header = atomic_load_explicit(&e->header, memory_order_acquire);
		if (!(header & RING_COMMITTED))
			return NULL;
		if (record_kind(header) > RING_VOID)
			return e;
		ring_consume(e);
	}
	return NULL;
}

void ring_consume(struct ring_event *e)
{
	uint64_t header = atomic_load_explicit(&e->header, memory_order_relaxed);
	uint64_t bytes = record_bytes(header);
	struct ring *r = ring_now();

	/* A PAD holds nothing but its header, and may span what was just trimmed. */
	memset(e, 0, record_kind(header) == RING_PAD ? RING_HEADER_BYTES : bytes);
	/* release: the zeroes are there before a producer may reuse the bytes */
	atomic_store_explicit(&r->tail,
			      atomic_load_explicit(&r->tail, memory_order_relaxed) + bytes,
			      memory_order_release);
}

/* The first word at or after place and before end that is not 0, or end. */
static uint64_t find_written(const struct ring *r, uint64_t place, uint64_t end)
{
	/* acquire: what is seen of a record was written after its header */
	while (place < end && !atomic_load_explicit(header_at(r, place), memory_order_acquire))
		place += sizeof(uint64_t);
	return place;
}

/* From a record without a length, whose producer was taken off its CPU right after it had
 * moved head, to the next that has one, or end.  Free bytes are 0, so it is the next word
 * that is not, unless that is the inside of a record which began a moment ago: then its
 * header is seen the next time. */
static uint64_t skip_unwritten(const struct ring *r, uint64_t place, uint64_t end)
{
	uint64_t found = end, before;

	do {
		before = found;
		found = find_written(r, place, end);
	} while (found != before);
	return found;
}

struct ring_event *ring_peek_beyond(uint64_t *place, uint64_t end)
{
	const struct ring *r = ring_now();

	while (r && *place < end) {
		uint64_t at = skip_unwritten(r, *place, end), header;
		struct ring_event *e = (struct ring_event *)header_at(r, at);

		if (at == end)
			return NULL;
		header = atomic_load_explicit(&e->header, memory_order_acquire);
		*place = at + record_bytes(header);
		if ((header & RING_COMMITTED) && record_kind(header) > RING_VOID)
			return e;
	}
	return NULL;
}

void ring_void(struct ring_event *e)
{
	uint64_t header = atomic_load_explicit(&e->header, memory_order_relaxed);

	atomic_store_explicit(&e->header,
			      record_bytes(header) << 8 | RING_VOID << 1 | RING_COMMITTED,
			      memory_order_relaxed);
}

uint64_t ring_place(void)
{
	const struct ring *r = ring_now();

	return r ? atomic_load_explicit(&r->tail, memory_order_relaxed) : 0;
}

uint32_t ring_used(void)
{
	const struct ring *r = ring_now();
	uint64_t tail;

	if (!r)
		return 0;
	/* In this order head is never behind. */
	tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	return (uint32_t)((atomic_load_explicit(&r->head, memory_order_relaxed) & ~CLOSED) - tail);
}

/* Memory of a lap long consumed stays ours otherwise.  Half of the empty ring is
 * reserved as one PAD record, so that no producer can be in it, its pages are
 * given back (they read as zeros again, as free bytes must), and the record is
 * consumed. */
void ring_trim(void)
{
	struct ring *r = ring_now();
	uint64_t head, left, pad;
	uintptr_t from, to;

	if (!r)
		return;
	head = atomic_load_explicit(&r->head, memory_order_relaxed);
	left = r->bytes - (head & (r->bytes - 1));
	pad = left < r->bytes / 2 ? left : r->bytes / 2;
	if (head != atomic_load_explicit(&r->tail, memory_order_relaxed) ||
	    head - trimmed_at < TRIM_BYTES)
		return;
	if (!atomic_compare_exchange_strong(&r->head, &head, head + pad))
		return;
	from = ((uintptr_t)header_at(r, head) + RING_HEADER_BYTES + PAGE_BYTES - 1) &
	       -(uintptr_t)PAGE_BYTES;
	to = ((uintptr_t)header_at(r, head) + pad) & -(uintptr_t)PAGE_BYTES;
	if (to > from)
		SYS_CALL(SYS_madvise, from, to - from, MADV_DONTNEED, 0, 0, 0);
	trimmed_at = head + pad;
	atomic_store_explicit(header_at(r, head), pad << 8 | RING_PAD << 1 | RING_COMMITTED,
			      memory_order_release);
}

uint64_t ring_touched_bytes(void)
{
	const struct ring *r = ring_now();
	uint64_t touched;

	if (!r)
		return 0;
	touched = (atomic_load_explicit(&r->head, memory_order_relaxed) & ~CLOSED) - trimmed_at;
	return touched < r->bytes ? touched : r->bytes;
}

bool ring_is_stuck(uint64_t now)
{
	static uint64_t place, since;
	const struct ring *r = ring_now();

	if (!r || ring_used() < r->bytes / 2) {
		since = 0;
		return false;
	}
	if (!since || ring_place() != place) {
		place = ring_place();
		since = now;
	}
	return now - since >= STUCK_NS;
}

void ring_close(void)
{
	atomic_fetch_or(&ring_now()->head, CLOSED);
}

static void lose(const struct ring_event *e)
{
	bool free = e->kind == RING_FREE, sample = e->kind == RING_SAMPLE;

	stats_lose(free	    ? PROF_LOSS_FREE_RING
		   : sample ? PROF_LOSS_TIMER_RING
			    : PROF_LOSS_HEAP_RING,
		   1);
}

/* Records without a length, one behind the other, count as one. */
static void give_up_all(const struct ring *r, uint64_t place, uint64_t end)
{
	while (place < end) {
		struct ring_event *e = (struct ring_event *)header_at(r, place);
		uint64_t header = atomic_load_explicit(&e->header, memory_order_acquire);

		if (!header) {
			stats_lose(PROF_LOSS_HEAP_RING, 1);
			place = skip_unwritten(r, place, end);
			continue;
		}
		if (!(header & RING_COMMITTED)) {
			give_up(e, header);
			lose(e);
		}
		place += record_bytes(header);
	}
}

void ring_replace(void)
{
	struct ring *old = ring_now();
	uint64_t place = ring_place(), end = place + ring_used();

	if (ring_init((uint32_t)old->bytes)) {
		atomic_fetch_and(&old->head, ~CLOSED); /* as it was */
		return;
	}
	give_up_all(old, place, end);
	SYS_CALL(SYS_madvise, old->memory, old->bytes, MADV_DONTNEED, 0, 0, 0);
}
