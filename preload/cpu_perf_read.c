/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu_perf_read.c - the perf engine's rings, read as one stream in the order of
 * time.  Nothing in a record is trusted: whatever does not fit its record's
 * size is counted and skipped.  Everything runs on the writer thread.
 */
#include "cpu_perf.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "../include/prof_wire.h"
#include "cpu_perf_rings.h"
#include "stats.h"
#include "sys.h"

/* sample_id_all: u32 pid, tid; u64 time, id; u32 cpu, reserved. */
#define SAMPLE_ID_BYTES 32u
#define SAMPLE_ID_TIME_BYTES 24u /* from the time to the end */

/* A record this far ahead is not late, its clock is another (an unknown time namespace's). */
#define LATE_NS_MAX UINT64_C(1000000000)

/* Words are aligned and the ring's size is a power of two: no word wraps. */
static uint64_t word_at(const struct perf_ring *r, uint64_t position)
{
	uint64_t word;

	memcpy(&word, r->data + (position & (perf_engine.data_bytes - 1)), sizeof(word));
	return word;
}

static struct perf_event_header header_at(const struct perf_ring *r, uint64_t position)
{
	struct perf_event_header h;
	uint64_t word = word_at(r, position);

	memcpy(&h, &word, sizeof(h));
	return h;
}

/* Tells the kernel that the bytes before tail may be overwritten. */
static void move_tail(struct perf_ring *r, uint64_t tail)
{
	r->tail = tail;
	/* release: our reads of the record come first; pairs with the kernel's
	 * reading of data_tail before it writes */
	__atomic_store_n(&r->page->data_tail, tail, __ATOMIC_RELEASE);
}

/* Notes the time of the record at tail.  A ring whose records do not add up
 * cannot be read further: all that is in it goes. */
static void look_at_tail(struct perf_ring *r)
{
	struct perf_event_header h;

	if (r->tail == r->head)
		return;
	h = header_at(r, r->tail);
	if (h.size < sizeof(h) + SAMPLE_ID_BYTES || h.size % 8 || h.size > r->head - r->tail) {
		stats_lose(PROF_LOSS_OTHER_RECORDS, 1);
		move_tail(r, r->head);
		return;
	}
	/* a sample: u32 pid, tid; u64 time; other records end with their sample_id */
	r->next_t_ns = perf_our_time(word_at(
		r, r->tail + (h.type == PERF_RECORD_SAMPLE ? 16u : h.size - SAMPLE_ID_TIME_BYTES)));
}

/* Takes one picture of all rings.  The clock is read before: a record up to
 * that time is in the picture, so what is given out up to that time is in order. */
static void look_at_rings(void)
{
	perf_engine.cut_t_ns = sys_now_ns();
	for (uint32_t i = 0; i < perf_engine.n_rings; i++) {
		struct perf_ring *r = &perf_engine.rings[i];
		bool was_empty = r->tail == r->head;

		/* acquire: the records below head are there; pairs with the kernel's
		 * barrier before it moves data_head */
		r->head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
		if (was_empty)
			look_at_tail(r);
	}
}

static struct perf_ring *earliest_ring(void)
{
	struct perf_ring *best = NULL;

	for (uint32_t i = 0; i < perf_engine.n_rings; i++) {
		struct perf_ring *r = &perf_engine.rings[i];

		if (r->tail == r->head)
			continue;
		if (r->next_t_ns > perf_engine.cut_t_ns &&
		    r->next_t_ns - perf_engine.cut_t_ns < LATE_NS_MAX)
			continue;
		if (!best || r->next_t_ns < best->next_t_ns)
			best = r;
	}
	return best;
}

/* The record in one piece. */
static const uint8_t *record_at_tail(const struct perf_ring *r, uint32_t bytes)
{
	uint64_t offset = r->tail & (perf_engine.data_bytes - 1);
	uint64_t first = perf_engine.data_bytes - offset;

	if (first >= bytes)
		return r->data + offset;
	memcpy(perf_engine.bounce, r->data + offset, first);
	memcpy(perf_engine.bounce + first, r->data, bytes - first);
	return perf_engine.bounce;
}

static uint64_t take_u64(struct prof_slice *s)
{
	const uint8_t *p = prof_get_bytes(s, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

static void take_2u32(struct prof_slice *s, uint32_t *first, uint32_t *second)
{
	uint64_t v = take_u64(s);

	*first = (uint32_t)v;
	*second = (uint32_t)(v >> 32);
}

/* A terminated text that fills the rest of s, or NULL and bad. */
static const char *take_text(struct prof_slice *s)
{
	const uint8_t *p = prof_get_bytes(s, prof_slice_left(s));

	if (!p || p == s->end || !memchr(p, 0, (size_t)(s->end - p))) {
		s->bad = true;
		return NULL;
	}
	return (const char *)p;
}

/* Call sites as in every stack here: the innermost exact, its callers' return
 * addresses minus one.  Markers say which part of a chain follows. */
static void take_kernel_chain(struct prof_slice *s, struct perf_rec *rec)
{
	uint64_t n = take_u64(s);
	uint32_t frames = 0;

	if (n > prof_slice_left(s) / 8) {
		s->bad = true;
		return;
	}
	while (n--) {
		uint64_t pc = take_u64(s);

		if (pc >= (uint64_t)PERF_CONTEXT_MAX || frames == PERF_KERNEL_FRAMES_MAX)
			continue;
		rec->sample.kernel_pc[frames] = pc - (frames > 0);
		frames++;
	}
	rec->sample.kernel_frames = frames;
}

/* On the way into the kernel not every register is saved: those that are not
 * read as all ones. */
static bool is_register_known(bool in_kernel, unsigned reg, uint64_t value)
{
	static const uint32_t may_be_missing = 1u << ARCH_RBX | 1u << ARCH_RBP | 1u << ARCH_R12 |
					       1u << ARCH_R13 | 1u << ARCH_R14 | 1u << ARCH_R15;

	return !in_kernel || value != UINT64_MAX || !(may_be_missing >> reg & 1);
}

static void take_registers(struct prof_slice *s, struct perf_rec *rec)
{
	static const uint8_t order[] = ARCH_PERF_REGS;
	struct capture *c = &rec->sample.user;
	uint64_t abi = take_u64(s);

	if (abi == PERF_SAMPLE_REGS_ABI_NONE)
		return;
	for (unsigned i = 0; i < sizeof(order); i++) {
		uint64_t value = take_u64(s);

		c->regs[order[i]] = value;
		if (is_register_known(rec->sample.in_kernel, order[i], value))
			c->valid |= 1u << order[i];
	}
	if (abi != PERF_SAMPLE_REGS_ABI_64)
		c->valid = 0;
}

/* The kernel always sends the room it set aside, then how much of it is real. */
static void take_stack(struct prof_slice *s, struct capture *c)
{
	uint64_t room = take_u64(s), used;

	if (!room)
		return;
	c->stack = prof_get_bytes(s, room);
	used = take_u64(s);
	if (s->bad || used > room) {
		s->bad = true;
		return;
	}
	c->stack_bytes = (uint32_t)used;
	c->cut = used == room;
}

/* A thread that was followed while others made threads may have two events on a CPU, an
 * inherited one and its own, and hand both on to the threads it makes: the one that is seen
 * first stands for the thread, until it is not seen for some time. */
#define MISSES_MAX 8u

static uint64_t events_key(uint32_t tid, uint32_t cpu)
{
	return ((uint64_t)tid + 1) << 16 | cpu;
}

static bool is_second(uint32_t tid, uint32_t cpu, uint64_t id)
{
	uint64_t key = events_key(tid, cpu);
	uint64_t *event;

	if (!perf_engine.n_followers)
		return false;
	event = table_get(&perf_engine.events, key);
	if (!event || *event >> 8 == id || (*event & 0xff) == MISSES_MAX) {
		table_put(&perf_engine.events, key, id << 8);
		return false;
	}
	++*event;
	return true;
}

static void forget_events(uint32_t tid)
{
	for (uint32_t i = 0; i < perf_engine.n_rings && perf_engine.events.used; i++)
		table_del(&perf_engine.events, events_key(tid, (uint32_t)perf_engine.rings[i].cpu));
}

static void parse_sample(struct prof_slice *s, uint16_t misc, struct perf_rec *rec)
{
	struct capture *c = &rec->sample.user;
	uint32_t reserved;
	uint64_t id;

	rec->kind = PERF_REC_SAMPLE;
	rec->sample.in_kernel = (misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	rec->sample.kernel_frames = 0;
	*c = (struct capture){ 0 };
	take_2u32(s, &rec->pid, &rec->tid);
	rec->t_ns = perf_our_time(take_u64(s));
	id = take_u64(s);
	take_2u32(s, &rec->cpu, &reserved);
	if (is_second(rec->tid, rec->cpu, id)) {
		rec->kind = PERF_REC_OTHER;
		return;
	}
	if (perf_engine.attr.sample_type & PERF_SAMPLE_CALLCHAIN)
		take_kernel_chain(s, rec);
	take_registers(s, rec);
	take_stack(s, c);
	if (!c->valid)
		c->stack_bytes = 0;
}

/* FORK and EXIT: u32 pid, ppid, tid, ptid; u64 time. */
static void parse_task(struct prof_slice *s, enum perf_rec_kind kind, struct perf_rec *rec)
{
	uint32_t ppid, ptid;

	take_2u32(s, &rec->pid, &ppid);
	take_2u32(s, &rec->tid, &ptid);
	if (rec->pid != (uint32_t)perf_engine.pid)
		return;
	rec->kind = kind;
	if (kind == PERF_REC_EXIT)
		forget_events(rec->tid);
	if (kind == PERF_REC_FORK)
		rec->fork.ptid = ptid;
}

static void parse_comm(struct prof_slice *s, uint16_t misc, struct perf_rec *rec)
{
	take_2u32(s, &rec->pid, &rec->tid);
	rec->comm.name = take_text(s);
	rec->comm.exec = misc & PERF_RECORD_MISC_COMM_EXEC;
	if (rec->pid == (uint32_t)perf_engine.pid)
		rec->kind = PERF_REC_COMM;
}

static void parse_mmap(struct prof_slice *s, struct perf_rec *rec)
{
	uint32_t major_nr, minor_nr;

	take_2u32(s, &rec->pid, &rec->tid);
	rec->mmap.start = take_u64(s);
	rec->mmap.bytes = take_u64(s);
	rec->mmap.file_offset = take_u64(s);
	take_2u32(s, &major_nr, &minor_nr);
	rec->mmap.dev = makedev(major_nr, minor_nr);
	rec->mmap.ino = take_u64(s);
	prof_get_bytes(s, 16); /* the inode's generation, protection, flags */
	rec->mmap.path = take_text(s);
	if (rec->pid == (uint32_t)perf_engine.pid)
		rec->kind = PERF_REC_MMAP;
}

/* Everything but samples: the record's own fields, then its sample_id. */
static void parse_other(struct prof_slice *s, const struct perf_event_header *h,
			struct perf_rec *rec)
{
	struct prof_slice id = { s->end - SAMPLE_ID_BYTES, s->end, false };
	uint32_t reserved;

	s->end = id.p;
	take_2u32(&id, &rec->pid, &rec->tid);
	rec->t_ns = perf_our_time(take_u64(&id));
	take_u64(&id); /* the event's id */
	take_2u32(&id, &rec->cpu, &reserved);
	switch (h->type) {
	case PERF_RECORD_FORK: parse_task(s, PERF_REC_FORK, rec); break;
	case PERF_RECORD_EXIT: parse_task(s, PERF_REC_EXIT, rec); break;
	case PERF_RECORD_COMM: parse_comm(s, h->misc, rec); break;
	case PERF_RECORD_MMAP2: parse_mmap(s, rec); break;
	case PERF_RECORD_THROTTLE: rec->kind = PERF_REC_THROTTLE; break;
	case PERF_RECORD_LOST:
		rec->kind = PERF_REC_LOST;
		take_u64(s); /* the event's id */
		perf_engine.current_lost = take_u64(s);
		break;
	case PERF_RECORD_LOST_SAMPLES: perf_engine.current_lost = take_u64(s); break;
	default: break;
	}
}

bool cpu_perf_next(struct perf_rec *rec)
{
	struct perf_ring *r = earliest_ring();
	struct perf_event_header h;
	struct prof_slice s;

	if (!r) {
		look_at_rings();
		r = earliest_ring();
	}
	perf_engine.current = r;
	if (!r)
		return false;
	h = header_at(r, r->tail);
	s.p = record_at_tail(r, h.size);
	s = (struct prof_slice){ s.p + sizeof(h), s.p + h.size, false };
	rec->kind = PERF_REC_OTHER;
	perf_engine.current_header = h;
	perf_engine.current_lost = 0;
	if (h.type == PERF_RECORD_SAMPLE)
		parse_sample(&s, h.misc, rec);
	else
		parse_other(&s, &h, rec);
	if (s.bad) {
		rec->kind = PERF_REC_OTHER;
		perf_engine.current_header.type = 0;
	}
	return true;
}

/* Losses are counted here, because a record may be looked at twice. */
void cpu_perf_consume(void)
{
	struct perf_ring *r = perf_engine.current;

	if (!r)
		return;
	switch (perf_engine.current_header.type) {
	case 0: stats_lose(PROF_LOSS_OTHER_RECORDS, 1); break;
	case PERF_RECORD_LOST: perf_engine.lost_by_record += perf_engine.current_lost; break;
	case PERF_RECORD_LOST_SAMPLES:
		stats_lose(PROF_LOSS_CPU_RING, perf_engine.current_lost);
		break;
	case PERF_RECORD_THROTTLE: stats_lose(PROF_LOSS_CPU_THROTTLED, 1); break;
	default: break;
	}
	move_tail(r, r->tail + perf_engine.current_header.size);
	perf_engine.current = NULL;
	look_at_tail(r);
}
