/* SPDX-License-Identifier: Apache-2.0
 *
 * drain.c - see drain.h.
 */
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "bell.h"
#include "blocks.h"
#include "cpu_perf.h"
#include "encode.h"
#include "heap.h"
#include "known_stacks.h"
#include "ring.h"
#include "roster.h"
#include "stack.h"
#include "stats.h"
#include "stitch.h"
#include "sys.h"
#include "trace.h"
#include "unload.h"
#include "unwind.h"

static struct unwound *walk; /* too large for the stack */
static struct perf_rec *record;
static int own_tid; /* of the thread that drains */
static uint64_t period;

/* The file's own path, as /proc/PID/maps has it, where the loader was given a link. */
static const char *own_path(const char *path, char *own, size_t room)
{
	int fd = sys_open(path, O_PATH, 0);
	char name[64];
	ssize_t n;

	if (fd < 0)
		return path;
	snprintf(name, sizeof(name), "/proc/thread-self/fd/%d", fd);
	n = sys_readlink(name, own, room - 1);
	sys_close(fd);
	if (n <= 0)
		return path;
	own[n] = '\0';
	return own;
}

/* The library that lay at pc, when one that is unloaded further on did. */
static bool look_ahead(uint64_t pc)
{
	const struct unload_note *note;
	const struct ring_event *e;
	char own[PATH_MAX];

	if (!atomic_load(&unload_pending))
		return false;
	for (e = ring_ahead(); e; e = e->next) {
		if (e->kind != RING_UNLOAD || pc - e->block >= e->size)
			continue;
		note = (const struct unload_note *)e->stack;
		maps_add(e->t_ns, e->block, e->size, note->file_offset, note->dev, note->ino,
			 own_path(note->path, own, sizeof(own)), false);
		return true;
	}
	return false;
}

int drain_init(struct arena *arena, uint64_t period_ns)
{
	maps_ahead = look_ahead;
	walk = arena_alloc(arena, sizeof(*walk));
	record = arena_alloc(arena, sizeof(*record));
	period = period_ns;
	return walk && record ? 0 : -ENOMEM;
}

static uint32_t intern(struct thread_info *t, uint64_t t_ns, const struct capture *c,
		       const uint64_t *kernel, uint32_t kernel_frames)
{
	uint32_t node;

	stitch_find(t, t_ns, c, walk);
	node = stack_intern(walk, kernel, kernel_frames);
	stitch_keep(t, t_ns, c, walk);
	return node;
}

static uint32_t node_of(struct thread_info *t, uint64_t t_ns, struct capture *c, bool after_ours,
			const uint64_t *kernel, uint32_t kernel_frames)
{
	c->thread = t->id;
	unwind_stack(c, after_ours, walk);
	if (walk->end == UNWIND_NO_STACK)
		stats_lose(PROF_LOSS_NO_STACK, 1);
	return intern(t, t_ns, c, kernel, kernel_frames);
}

static uint32_t node_of_event(const struct ring_event *e, struct thread_info *t, bool after_ours)
{
	struct capture c = {
		.valid = e->valid, .stack = e->stack, .stack_bytes = e->stack_bytes, .cut = e->cut
	};

	memcpy(c.regs, e->regs, sizeof(c.regs));
	return node_of(t, e->t_ns, &c, after_ours, NULL, 0);
}

/* The stack of an allocation, which may be known from the next one on. */
static uint32_t node_of_alloc(struct ring_event *e, struct thread_info *t)
{
	struct capture c = { .valid = 1u << ARCH_SP }; /* of which nothing was copied */
	uint32_t node;

	if (!e->frames) {
		node = node_of_event(e, t, true);
		known_stack_publish(walk, e->regs);
		return node;
	}
	unwind_known(ring_frames(e), e->frames, walk);
	c.regs[ARCH_SP] = walk->sp[0];
	return intern(t, e->t_ns, &c, NULL, 0);
}

static struct thread_info *thread_of(const struct ring_event *e)
{
	struct thread_info *t = roster_by_index(e->thread);

	return t && t->tid == e->tid ? t : roster_by_tid(e->tid, e->t_ns);
}

static void take_alloc(struct ring_event *e, struct thread_info *t)
{
	struct block b = { .id = e->block,
			   .t_ns = e->t_ns,
			   .size = e->size,
			   .sampled_size = e->sampled_size,
			   .thread = t->id,
			   .mean = heap_mean_bytes() << e->mean_shift };

	b.node = node_of_alloc(e, t);
	/* A block nobody remembers would never be freed: it is lost whole. */
	if (!blocks_add(&b)) {
		stats_lose(PROF_LOSS_LIVE_TABLE, 1);
		return;
	}
	encode_alloc(t, &b);
	trace_sums.heap_events++;
}

static void count_sample(struct thread_info *t, uint64_t weight)
{
	t->sampled_ns += weight * period;
	trace_sums.samples++;
	trace_sums.sample_ns += weight * period;
}

static void take_timer_sample(const struct ring_event *e, struct thread_info *t)
{
	encode_sample(e->t_ns, t, e->cpu, false, e->weight, node_of_event(e, t, false));
	count_sample(t, e->weight);
}

static void take_event(struct ring_event *e)
{
	struct thread_info *t = thread_of(e);

	if (e->kind == RING_UNLOAD)
		atomic_fetch_sub(&unload_pending, 1);
	if (!t) {
		stats_lose(PROF_LOSS_THREAD_TABLE, 1);
		return;
	}
	switch (e->kind) {
	case RING_ALLOC: take_alloc(e, t); break;
	case RING_FREE:
		/* A block whose allocation was lost is not in the trace. */
		if (blocks_remove(e->block)) {
			encode_free(e->t_ns, t, e->block);
			trace_sums.heap_events++;
		}
		break;
	case RING_SAMPLE: take_timer_sample(e, t); break;
	case RING_CREATE: roster_site(e->block, node_of_event(e, t, true)); break;
	case RING_UNLOAD: maps_forget(e->block, e->block + e->size); break;
	case RING_FORK: encode_mark(e->t_ns, PROF_MARK_FORK, e->block); break;
	default: break;
	}
}

static void take_sample(struct perf_rec *r)
{
	struct thread_info *t = roster_by_tid(r->tid, r->t_ns);

	if (!t) {
		stats_lose(PROF_LOSS_THREAD_TABLE, 1);
		return;
	}
	encode_sample(r->t_ns, t, r->cpu, r->sample.in_kernel, 1,
		      node_of(t, r->t_ns, &r->sample.user, false, r->sample.kernel_pc,
			      r->sample.kernel_frames));
	count_sample(t, 1);
}

/* A mapping may be among the lost records: what is there now may be of later, but the
 * records that are left come and correct that. */
static void look_again(uint64_t t_ns)
{
	static uint64_t next_ns;
	uint64_t took;

	if (maps_pausing(t_ns, next_ns))
		return;
	took = sys_now_ns();
	maps_refresh(t_ns);
	took = sys_now_ns() - took;
	next_ns = t_ns + maps_pause_ns(took);
}

/* A writer that main makes after a pause inherits main's old events. */
static bool is_own(const struct perf_rec *r)
{
	return (int)r->tid == own_tid || (int)r->tid == bell_tid();
}

static void take_record(struct perf_rec *r)
{
	if (is_own(r))
		return;
	switch (r->kind) {
	case PERF_REC_SAMPLE: take_sample(r); break;
	case PERF_REC_FORK: roster_forked(r->tid, r->fork.ptid, r->t_ns); break;
	case PERF_REC_EXIT: roster_exited(r->tid, r->t_ns); break;
	case PERF_REC_COMM: roster_renamed(r->tid, r->comm.name, r->t_ns); break;
	case PERF_REC_MMAP:
		maps_add(r->t_ns, r->mmap.start, r->mmap.bytes, r->mmap.file_offset, r->mmap.dev,
			 r->mmap.ino, r->mmap.path, true);
		break;
	case PERF_REC_LOST: look_again(r->t_ns); break;
	case PERF_REC_THROTTLE:
	case PERF_REC_OTHER: break;
	}
}

/* Perf's record is there first, then the event is asked for: whatever was committed before
 * the record's time is then seen before it. */
bool drain_all(bool perf)
{
	uint64_t until = sys_now_ns();
	bool any = false, have_record = perf && cpu_perf_next(record);
	struct ring_event *e = ring_peek();

	maps_reported = perf;
	own_tid = have_record ? sys_gettid() : 0;
	for (;; any = true) {
		bool record_due = have_record && record->t_ns <= until;

		if (record_due && (!e || record->t_ns <= e->t_ns)) {
			take_record(record);
			cpu_perf_consume();
			have_record = cpu_perf_next(record);
			if (!e)
				e = ring_peek();
		} else if (e && e->t_ns <= until) {
			take_event(e);
			ring_consume(e);
			e = ring_peek();
		} else {
			break;
		}
		if (encode_full())
			trace_flush(sys_now_ns());
	}
	ring_tidy();
	return any;
}

void drain_rest(void)
{
	struct ring_event *e;

	ring_note_reserved();
	for (; (e = ring_peek()); ring_consume(e)) {
		take_event(e);
		if (encode_full())
			trace_flush(sys_now_ns());
	}
	ring_lose_reserved();
}
