/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_build.c - one trace going by, segment by segment: opens each, hands
 * its frames to the decoder, whose rows go to profile_rows.c, and keeps account
 * of what is whole, damaged and missing.  Called by profile.c, once to build
 * the model and once for each replay.
 */
#include "profile_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "frame_reader.h"

#define DAMAGES_TOLD_MAX 20u /* messages per segment */

static struct profile_segment *build_segment(struct build *b)
{
	GArray *segments = build_process(b)->segments;

	return &g_array_index(segments, struct profile_segment, segments->len - 1);
}

static void build_damage(void *arg, uint64_t offset, const char *what, enum err err,
			 const char *detail)
{
	struct build *b = arg;
	char *safe;

	b->decoder.lossy = true;
	b->damages++;
	if (b->fn)
		return; /* told by the first reading */
	build_process(b)->partial = true;
	if (b->damages <= DAMAGES_TOLD_MAX) {
		err_at(b->path, offset, what, err, detail);
	} else if (b->damages == DAMAGES_TOLD_MAX + 1) {
		safe = err_safe(b->path);
		err_say("%s: more damage in this file is counted, not listed", safe);
		g_free(safe);
	}
}

static void build_record_damage(void *arg, size_t offset, const char *record, enum err err)
{
	struct build *b = arg;
	char *what = g_strdup_printf("%s at %zu of the frame", record, offset);

	build_damage(b, b->frame_offset, what, err, NULL);
	g_free(what);
}

/* Decides what comes before this segment: was the one before it read whole? */
static void build_join(struct build *b, struct segment_in *segment, uint64_t number,
		       const struct profile_segment *before)
{
	const struct segment_header *header = segment_header(segment);
	struct process *s = build_process(b);
	struct trace_state *state = b->state;
	bool hole = before && number && number != before->number + 1;

	if (hole && number > before->number)
		s->segments_missing += number - before->number - 1;
	b->live_counts = !before ? number != 1 : hole || before->damages;
	b->live_repairs = before && b->live_counts;
	state->generation++;
	if (!before || hole) {
		state->run++;
		state->run_is_first = !before && number == 1;
		state->run_start_ns = header->number[PROF_HDR_SEGMENT_START_NS];
	}
	if (!before && number == 1)
		process_begin(s, state);
	if (!before && number != 1)
		s->t_first_ns = header->number[PROF_HDR_SEGMENT_START_NS];
}

static void build_frames(struct build *b, struct segment_in *segment, struct frame_reader *reader)
{
	struct profile_segment facts = { 0 }, *kept;
	struct segment_frame frame;

	while (frame_reader_next(reader, segment, &frame)) {
		b->frame_offset = frame.offset;
		b->frame_since_ns = build_process(b)->t_last_ns;
		b->frame_stops = false;
		facts.frames++;
		facts.content_bytes += frame.len;
		decode_frame(&b->decoder, frame.data, frame.len);
	}
	if (b->fn)
		return;
	heap_live_end(b);
	kept = build_segment(b);
	kept->frames = facts.frames;
	kept->content_bytes = facts.content_bytes;
	kept->records = b->decoder.records;
	kept->file_bytes = segment_bytes(segment);
	kept->uncommitted = segment_uncommitted(segment);
	kept->damages = b->damages;
	kept->end_reason = (uint32_t)b->end_reason;
	kept->state = b->damages ? SEGMENT_DAMAGED : b->end_reason ? SEGMENT_CLOSED : SEGMENT_OPEN;
}

/* Registers the segment in the model: before its frames, which add to it. */
static void build_register(struct build *b, struct segment_in *segment)
{
	const struct segment_header *header = segment_header(segment);
	struct process *s = build_process(b);
	struct profile_segment facts = {
		.path = intern_text(b->profile, b->path, strlen(b->path)),
		.number = segment_number(segment),
		.start_ns = header->number[PROF_HDR_SEGMENT_START_NS],
	};
	struct profile_segment before;
	bool has_before = s->segments->len > 0;

	if (has_before)
		before = *build_segment(b);
	process_take_header(b->profile, b->process, header);
	build_join(b, segment, facts.number, has_before ? &before : NULL);
	g_array_append_val(s->segments, facts);
	process_saw_time(s, facts.start_ns);
}

static void build_one(struct build *b, struct trace_file *file, bool first)
{
	struct frame_reader *reader;
	struct segment_in *segment;
	struct stat st;

	b->path = file->path;
	b->frame_offset = 0;
	b->damages = 0;
	b->end_reason = 0;
	b->decoder = (struct decoder){ .event = build_event,
				       .error = build_record_damage,
				       .samples = build_samples,
				       .ahead = build_ahead,
				       .arg = b };
	g_ptr_array_set_size(b->strings, 0);
	g_array_set_size(b->mappings, 0);
	g_array_set_size(b->nodes, 0);
	if (b->fn && !file->bytes)
		return; /* was not read then, is not read now */
	if (!b->fn && lstat(file->path, &st) && errno == ENOENT)
		return; /* dropped by its writer since it was listed: a hole */
	reader = frame_reader_new(build_damage, b);
	segment_open(&segment, file->path, file->bytes, frame_reader_damage, reader);
	if (!segment) {
		frame_reader_free(reader);
		return;
	}
	file->bytes = segment_bytes(segment);
	if (b->fn)
		b->live_counts = first && segment_number(segment) != 1;
	else
		build_register(b, segment);
	build_frames(b, segment, reader);
	frame_reader_free(reader);
	segment_close(segment);
}

void build_trace(struct profile *p, uint32_t process, struct trace *trace, profile_event_fn *fn,
		 void *arg)
{
	struct build b = {
		.profile = p,
		.private = p->private,
		.state = g_ptr_array_index(p->private->states, process),
		.process = process,
		.fn = fn,
		.arg = arg,
		.strings = g_ptr_array_new(),
		.mappings = g_array_new(FALSE, TRUE, sizeof(uint32_t)),
		.nodes = g_array_new(FALSE, TRUE, sizeof(uint32_t)),
	};
	bool first = true;

	for (guint i = 0; i < trace->files->len; i++) {
		struct trace_file *file = &g_array_index(trace->files, struct trace_file, i);

		build_one(&b, file, first);
		first &= !file->bytes;
	}
	if (!fn && profile_process(p, process)->segments->len)
		profile_process(p, process)->end_reason = build_segment(&b)->end_reason;
	g_array_unref(b.nodes);
	g_array_unref(b.mappings);
	g_ptr_array_unref(b.strings);
}
