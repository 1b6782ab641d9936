/* SPDX-License-Identifier: Apache-2.0
 *
 * trace.c - see trace.h.
 */
#include "trace.h"

#include <errno.h>
#include <string.h>

#include "blocks.h"
#include "config.h"
#include "heap.h"
#include "heap_rate.h"
#include "roster.h"
#include "segment.h"
#include "stack.h"
#include "stats.h"
#include "stitch.h"
#include "sys.h"
#include "trace_dir.h"

#define RETRY_NS UINT64_C(1000000000) /* between attempts after a failed write */
#define ENGINES_MAX 8u
#define PARTS_OF_LIMIT 8u /* one segment is at most this part of the total */
#define NAMES_TRIED_MAX 1000u
#define SEGMENT_BYTES_MIN (64u << 10)

struct encode_cumulative trace_sums;

static struct {
	bool created, keep_descriptors;
	uint64_t retry_at, largest_frame;
	uint64_t opened_bytes; /* of the segment, with its opening records; 0: not yet written */
	uint64_t end_bytes; /* of the END that may not be one, the last frame; 0: there is none */
	struct header_engines engines;
	uint64_t lost_told[PROF_LOSS_CODES];
	uint8_t shift_told; /* of heap samples, in this segment */
	int write_error;    /* -errno of the last frame that was lost */
} trace;

/* Latest word on each engine, repeated in every segment. */
static struct engine_note {
	unsigned engine, state;
	int error;
	const char *name, *text;
} notes[ENGINES_MAX];
static unsigned note_count;

static void flush_parts(uint64_t t_ns);
static void drop_old_segments(void);

/* Of one mean after the other: each is a record. */
static void begin_live(uint64_t t_ns)
{
	uint32_t left = blocks_count();

	for (unsigned shift = 0; left && shift <= HEAP_RATE_SHIFT_MAX; shift++)
		for (uint32_t i = 0; i < blocks_count(); i++) {
			if (blocks_at(i)->mean != heap_mean_bytes() << shift)
				continue;
			encode_live(blocks_at(i));
			left--;
			if (encode_full())
				flush_parts(t_ns);
		}
}

/* Opening records; everything after them needs this segment alone. */
static void begin_segment(uint64_t t_ns)
{
	trace.opened_bytes = 0;
	trace.shift_told = 0;
	encode_new_segment();
	for (unsigned code = 1; code < PROF_LOSS_CODES; code++)
		trace_sums.lost[code] = trace.lost_told[code];
	encode_cumulative(t_ns, &trace_sums);
	for (unsigned i = 0; i < note_count; i++)
		encode_engine(t_ns, notes[i].engine, notes[i].state, notes[i].error, notes[i].name,
			      notes[i].text);
	for (struct thread_info *t = roster_first(); t; t = t->next) {
		encode_thread(t);
		if (encode_full())
			flush_parts(t_ns);
	}
	roster_encode_stats(t_ns, true, flush_parts);
	begin_live(t_ns);
}

static uint64_t segment_limit(void)
{
	uint64_t limit = config.segment_bytes;

	if (config.limit_bytes && config.limit_bytes / PARTS_OF_LIMIT < limit)
		limit = config.limit_bytes / PARTS_OF_LIMIT;
	return limit < SEGMENT_BYTES_MIN ? SEGMENT_BYTES_MIN : limit;
}

int trace_init(bool keep_descriptors, const struct header_engines *engines)
{
	int err;

	memset(&trace, 0, sizeof(trace));
	memset(&trace_sums, 0, sizeof(trace_sums));
	note_count = 0;
	trace.keep_descriptors = keep_descriptors;
	trace.engines = *engines;
	err = encode_init(header_start_ns(), engines->cpu_period_ns, segment_limit());
	if (!err)
		begin_segment(header_start_ns());
	return err;
}

void trace_set_engines(const struct header_engines *engines)
{
	trace.engines = *engines;
}

void trace_engine(unsigned engine, unsigned state, int error, const char *name, const char *text)
{
	unsigned i = 0;

	while (i < note_count && (notes[i].engine != engine || strcmp(notes[i].name, name)))
		i++;
	if (i == ENGINES_MAX)
		i--;
	notes[i] = (struct engine_note){ engine, state, error, name, text };
	if (i == note_count)
		note_count++;
	encode_engine(sys_now_ns(), engine, state, error, name, text);
}

/* Over names that are somebody's files. */
static int make_next(uint64_t t_ns)
{
	int err = -EEXIST;

	for (unsigned i = 0; err == -EEXIST && i < NAMES_TRIED_MAX; i++)
		err = segment_make_next(header_fields(segment_next(), t_ns, &trace.engines));
	return err;
}

int trace_create(uint64_t t_ns)
{
	char path[4096];
	int err = 0;

	if (!trace.created) {
		err = header_expand_out(path, sizeof(path));
		if (!err)
			err = segment_make_trace(path, trace.keep_descriptors);
		trace.created = !err;
	}
	if (!err && !segment_is_open()) {
		err = make_next(t_ns);
		if (!err)
			err = segment_open(NULL);
	}
	if (err && trace.created && !segment_number()) {
		trace_dir_unmake();
		trace.created = false;
	}
	return err;
}

static void encode_changes(uint64_t t_ns);

/* What was encoded is gone; so are the definitions it held.  The segment ends
 * with a word on that, for which room was kept. */
static void lose_frame(size_t bytes, uint64_t t_ns)
{
	stats_lose(PROF_LOSS_WRITE, bytes);
	if (!segment_is_open())
		return;
	encode_changes(t_ns);
	encode_end(t_ns, PROF_END_WRITE);
	segment_write(encode_take());
	segment_close();
}

/* The old segments should have gone by now, and could not. */
static bool is_over_limit(void)
{
	return config.limit_bytes &&
	       segment_total_bytes() > config.limit_bytes + 2 * segment_limit();
}

void trace_go_on(void)
{
	if (trace.end_bytes)
		segment_take_back(trace.end_bytes);
	trace.end_bytes = 0;
}

static bool put_frame(const struct buffer *content, uint64_t t_ns)
{
	bool waits = t_ns < trace.retry_at;
	int err = waits ? -EAGAIN : trace_create(t_ns);
	uint64_t before;

	trace_go_on();
	before = segment_bytes();
	if (!err && is_over_limit())
		drop_old_segments();
	if (!err && is_over_limit())
		err = -EDQUOT;
	if (!err)
		err = segment_write(content);
	if (!err && segment_bytes() - before > trace.largest_frame)
		trace.largest_frame = segment_bytes() - before;
	/* Rights may be back in a moment; a full disk takes longer. */
	if (err && !waits && err != -EACCES && err != -EPERM)
		trace.retry_at = t_ns + RETRY_NS;
	if (err && !waits)
		trace.write_error = err;
	if (err)
		lose_frame(content->used, t_ns);
	return !err;
}

/* For the middle of an opening: on failure the rest is encoded all the same
 * and lost with the next frame, which starts the segment over. */
static void flush_parts(uint64_t t_ns)
{
	if (put_frame(encode_take(), t_ns))
		drop_old_segments();
}

static void encode_losses(uint64_t t_ns)
{
	for (unsigned code = 1; code < PROF_LOSS_CODES; code++) {
		uint64_t now = atomic_load_explicit(&stats_lost[code], memory_order_relaxed);

		if (now != trace.lost_told[code])
			encode_loss(t_ns, code, now - trace.lost_told[code], 0);
		trace.lost_told[code] = now;
	}
}

/* Told where it has grown, and once in each segment. */
static void encode_heap_mean(uint64_t t_ns)
{
	uint8_t most = heap_rate_shift_most();

	if (most > trace.shift_told)
		encode_mark(t_ns, PROF_MARK_HEAP_MEAN, heap_mean_bytes() << most);
	trace.shift_told = most;
}

static void encode_changes(uint64_t t_ns)
{
	encode_losses(t_ns);
	encode_heap_mean(t_ns);
}

static void renew_stacks(void)
{
	stack_renew_begin();
	blocks_renumber(stack_renew_keep);
	roster_renumber(stack_renew_keep);
	stitch_renumber(stack_renew_keep);
	stack_renew_end();
}

/* Where the opening alone is as large, as with live blocks by the million, there must be room
 * for more, or each flush would open the next. */
static uint64_t largest_segment(void)
{
	uint64_t limit = segment_limit(), with_room = trace.opened_bytes + limit / 2;

	return with_room > limit ? with_room : limit;
}

/* Room is made for the segment being written before it needs it: whole frames
 * go in, so it may pass its own limit by one. */
static void drop_old_segments(void)
{
	uint64_t opening = trace.opened_bytes, limit = config.limit_bytes;
	uint64_t room = largest_segment();
	uint32_t dropped = 0;

	/* for the rest of this one, and the beginning of the next */
	room += opening > segment_limit() ? opening : segment_limit();
	if (room > segment_bytes())
		room -= segment_bytes();
	else
		room = 0;
	if (room < 2 * trace.largest_frame)
		room = 2 * trace.largest_frame;
	if (limit)
		dropped = segment_drop_oldest(limit > room ? limit - room : 1);

	trace_sums.segments_dropped += dropped;
	stats_lose(PROF_LOSS_SEGMENT_DROPPED, dropped);
}

void trace_flush(uint64_t t_ns)
{
	encode_changes(t_ns);
	if (!put_frame(encode_take(), t_ns)) {
		if (stack_is_large())
			renew_stacks();
		begin_segment(t_ns);
		return;
	}
	if (!trace.opened_bytes)
		trace.opened_bytes = segment_bytes();
	drop_old_segments();
	if (segment_bytes() < largest_segment() && !stack_is_large())
		return;
	/* A file that is open goes on where a daemon that has dropped its rights could make
	 * no other. */
	if (make_next(t_ns) && !stack_is_large())
		return;
	encode_changes(t_ns);
	roster_encode_stats(t_ns, true, flush_parts);
	encode_end(t_ns, PROF_END_ROTATED);
	put_frame(encode_take(), t_ns);
	segment_close();
	if (stack_is_large())
		renew_stacks();
	begin_segment(t_ns);
}

void trace_end(uint64_t t_ns, enum prof_end reason)
{
	trace.retry_at = 0; /* the last chance */
	encode_changes(t_ns);
	roster_encode_stats(t_ns, true, flush_parts);
	encode_end(t_ns, reason);
	put_frame(encode_take(), t_ns);
	segment_close();
}

void trace_end_perhaps(uint64_t t_ns, enum prof_end reason)
{
	uint64_t before;

	trace.retry_at = 0;
	roster_encode_stats(t_ns, true, flush_parts);
	trace_flush(t_ns);
	if (encode_pending()) /* the opening of another segment, for the END to stand alone */
		trace_flush(t_ns);
	if (!segment_is_open())
		return;
	before = segment_bytes();
	encode_end(t_ns, reason);
	if (put_frame(encode_take(), t_ns))
		trace.end_bytes = segment_bytes() - before;
	else
		begin_segment(t_ns);
}

void trace_reattach(bool keep_descriptors, uint64_t t_ns)
{
	bool was_open;

	trace.keep_descriptors = keep_descriptors;
	if (!trace.created)
		return;
	was_open = segment_is_open();
	segment_reattach(keep_descriptors);
	if (was_open && !segment_is_open()) {
		trace.end_bytes = 0;
		begin_segment(t_ns);
	}
	trace_create(t_ns); /* where that fails, the next flush tries again */
}

int trace_write_error(void)
{
	return trace.write_error;
}

bool trace_exists(void)
{
	return segment_number() > 0;
}
