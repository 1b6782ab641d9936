/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json_lines.c - `json --lines`: one event a line, from a second pass over
 * the segments.  Called with a finished profile; memory does not grow with the
 * trace: events wait in a heap of bounded size until it is full, and the
 * earliest goes.
 *
 * What order this gives: threads and CPUs are written to a trace in batches, so
 * an event may stand behind later ones, but only as far as the writer's flush
 * reaches.  Lines of a process are in order of time as long as no event stands
 * behind more than LINES_WAITING_MAX later ones; how many were not is said on
 * stderr.  The processes of a tree come one after the other.
 */
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "err.h"
#include "json_write.h"
#include "keys.h"
#include "out_json.h"

#define LINES_WAITING_MAX (1u << 18)

struct lines_event {
	struct profile_event event;
	uint64_t sequence; /* keeps the order of the file among equal times */
};

struct lines {
	const struct profile *profile;
	FILE *out;
	const guint8 *hidden;
	GHashTable *wanted; /* thread << 32 | stack of the cells left; NULL: all */
	GHashTable *blocks; /* sampled blocks whose allocation was let through; NULL: all */
	GArray *waiting;    /* struct lines_event, a binary heap, earliest first */
	uint64_t sequence;
	uint32_t process; /* that the waiting events are of */
	uint64_t last_ns, n_late;
	uint64_t epoch_ns; /* start of the earliest process, on the clock of lines_start_ns */
	bool same_boot;
	GArray *path; /* uint32_t nodes, reused */
};

/* Times of a tree's processes on one axis: the machine's monotonic clock when all
 * ran since the same boot of the same machine, else the wall clock. */
static uint64_t lines_start_ns(const struct lines *lines, uint32_t process)
{
	const struct process *p = profile_process(lines->profile, process);

	if (!lines->same_boot)
		return p->start_real_ns;
	return p->start_machine_ns ? p->start_machine_ns : p->start_mono_ns;
}

static void lines_find_epoch(struct lines *lines)
{
	const struct profile *profile = lines->profile;
	const char *boot_id = profile_process(profile, 1)->boot_id;

	lines->same_boot = true;
	for (uint32_t i = 2; i < profile->processes->len; i++) {
		if (strcmp(profile_process(profile, i)->boot_id, boot_id))
			lines->same_boot = false;
	}
	lines->epoch_ns = UINT64_MAX;
	for (uint32_t i = 1; i < profile->processes->len; i++)
		lines->epoch_ns = MIN(lines->epoch_ns, lines_start_ns(lines, i));
}

static bool lines_is_before(const struct lines_event *a, const struct lines_event *b)
{
	if (a->event.t_ns != b->event.t_ns)
		return a->event.t_ns < b->event.t_ns;
	return a->sequence < b->sequence;
}

static void lines_push(GArray *heap, const struct lines_event *event)
{
	struct lines_event *rows;
	guint i = heap->len;

	g_array_append_vals(heap, event, 1);
	rows = (struct lines_event *)(void *)heap->data;
	for (; i && lines_is_before(event, &rows[(i - 1) / 2]); i = (i - 1) / 2)
		rows[i] = rows[(i - 1) / 2];
	rows[i] = *event;
}

static struct lines_event lines_pop(GArray *heap)
{
	struct lines_event *rows = (struct lines_event *)(void *)heap->data;
	struct lines_event first = rows[0], last = rows[heap->len - 1];
	guint i = 0, child;

	g_array_set_size(heap, heap->len - 1);
	while ((child = 2 * i + 1) < heap->len) {
		if (child + 1 < heap->len && lines_is_before(&rows[child + 1], &rows[child]))
			child++;
		if (!lines_is_before(&rows[child], &last))
			break;
		rows[i] = rows[child];
		i = child;
	}
	if (heap->len)
		rows[i] = last;
	return first;
}

/* Names of the functions, outermost first. */
static void lines_write_stack(struct lines *lines, struct json_writer *json, uint32_t stack)
{
	const struct profile *profile = lines->profile;

	json_begin_array(json, "stack");
	g_array_set_size(lines->path, 0);
	for (; stack; stack = profile_node(profile, stack)->parent)
		g_array_append_val(lines->path, stack);
	for (guint i = lines->path->len; i--;) {
		uint32_t node = g_array_index(lines->path, uint32_t, i);
		const struct frame *frame =
			profile_frame(profile, profile_node(profile, node)->frame);

		for (uint32_t j = frame->n_lines; j--;) {
			uint32_t function = profile_line(profile, frame->first_line + j)->function;

			if (!lines->hidden || !lines->hidden[function])
				json_text(json, NULL, profile_function(profile, function)->name);
		}
	}
	json_end_array(json);
}

static void lines_write(struct lines *lines, const struct profile_event *event)
{
	static const char *const kinds[] = { "sample", "alloc", "free" };
	uint64_t offset_ns = lines_start_ns(lines, event->process) - lines->epoch_ns;
	struct json_writer json;

	if (event->t_ns < lines->last_ns)
		lines->n_late++;
	else
		lines->last_ns = event->t_ns;
	json_init(&json, lines->out, 0);
	json_begin_object(&json, NULL);
	json_uint(&json, "t_ns", event->t_ns + offset_ns);
	json_uint(&json, "tid", profile_thread(lines->profile, event->thread)->tid);
	if (event->kind == PROFILE_SAMPLE)
		json_uint(&json, "cpu", event->cpu);
	else
		json_null(&json, "cpu");
	json_text(&json, "kind", kinds[event->kind]);
	json_uint(&json, "weight", event->weight);
	lines_write_stack(lines, &json, event->stack);
	json_end_object(&json);
}

static void lines_drain(struct lines *lines)
{
	while (lines->waiting->len) {
		struct lines_event first = lines_pop(lines->waiting);

		lines_write(lines, &first.event);
	}
	lines->last_ns = 0;
}

/* What the selection says.  A free has no stack of its own: it goes with the
 * allocation of its block. */
static bool lines_is_wanted(struct lines *lines, const struct profile_event *event)
{
	gpointer block = key_pointer((uint64_t)event->process << 44 ^ event->block);
	gpointer key = key_pair(event->thread, event->stack);

	if (!lines->wanted)
		return true;
	if (event->kind == PROFILE_FREE)
		return g_hash_table_remove(lines->blocks, block);
	if (!g_hash_table_contains(lines->wanted, key))
		return false;
	if (event->kind == PROFILE_ALLOC)
		g_hash_table_add(lines->blocks, block);
	return true;
}

static void lines_event(const struct profile_event *event, void *arg)
{
	struct lines *lines = arg;
	struct lines_event waiting = { *event, lines->sequence++ };

	if (event->process != lines->process)
		lines_drain(lines);
	lines->process = event->process;
	if (!lines_is_wanted(lines, event))
		return;
	if (lines->waiting->len >= LINES_WAITING_MAX) {
		struct lines_event first = lines_pop(lines->waiting);

		lines_write(lines, &first.event);
	}
	lines_push(lines->waiting, &waiting);
}

/* (thread, stack) of the cells that the selection leaves. */
static GHashTable *lines_wanted(const struct profile *profile, const struct options *options)
{
	GHashTable *wanted = key_table_new(NULL);
	GPtrArray *cells = cells_select(profile, options);

	for (guint i = 0; i < cells->len; i++) {
		const struct cell *cell = g_ptr_array_index(cells, i);

		g_hash_table_add(wanted, key_pair(cell->thread, cell->stack));
	}
	g_ptr_array_unref(cells);
	return wanted;
}

int json_write_lines(struct profile *profile, FILE *out, const struct options *options)
{
	/* for what --hide matches */
	struct view *view = view_new(profile, options, METRIC_DEFAULT);
	struct lines lines = { .profile = profile, .out = out, .hidden = view->hidden };

	if (cells_are_selected(options)) {
		lines.wanted = lines_wanted(profile, options);
		lines.blocks = key_table_new(NULL);
	}
	lines.waiting = g_array_new(FALSE, FALSE, sizeof(struct lines_event));
	lines.path = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	lines_find_epoch(&lines);
	/* the document has a place for them, lines have none */
	profile_warn_losses(profile);
	profile_replay(profile, lines_event, &lines);
	lines_drain(&lines);
	if (lines.n_late)
		err_say("%" PRIu64 " of %" PRIu64 " lines are not in order of time: "
			"their events stand more than %u events too late in the trace",
			lines.n_late, lines.sequence, LINES_WAITING_MAX);
	g_array_unref(lines.path);
	g_array_unref(lines.waiting);
	if (lines.wanted) {
		g_hash_table_unref(lines.wanted);
		g_hash_table_unref(lines.blocks);
	}
	view_free(view);
	return 0;
}
