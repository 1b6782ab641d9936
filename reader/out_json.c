/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json.c - the output `json`: one document for each process, all figures
 * of a cell at once.  Called with a finished profile; pure.  A single process
 * is the document itself, several stand in the array "traces" of an outer one.
 * The other members are written by out_json_process.c and out_json_tables.c.
 */
#include "out_json.h"

#include <math.h>

#include "cells.h"
#include "interval.h"
#include "keys.h"
#include "out.h"

uint64_t json_clip(double value)
{
	return value > 0 ? value < 1.8e19 ? (uint64_t)value : UINT64_MAX : 0;
}

/* Not below 0. */
static uint64_t json_less(uint64_t value, double less)
{
	return value - MIN(value, json_clip(less));
}

/* Of the thread's time that samples cover, what so many of its samples stand for.  What
 * none covers is known by the clock, but for the part of it that was the kernel's. */
static void json_cpu_interval(struct json_document *doc, const struct cell *cell)
{
	const struct thread *thread = profile_thread(doc->profile, cell->thread);
	struct cell_slack slack = cell_kernel_slack(doc->profile, cell);
	double covered = (double)(thread->cpu_ns - thread->not_sampled_ns);
	struct interval share = interval_of_share((double)cell->samples, (double)thread->n_samples);

	json_begin_array(doc->json, "cpu_ns_95");
	if (cell->samples) {
		json_uint(doc->json, NULL, json_clip(floor(covered * share.low)));
		json_uint(doc->json, NULL, json_clip(ceil(covered * share.high)));
	} else {
		json_uint(doc->json, NULL, json_less(cell->cpu, MAX(slack.below, -slack.above)));
		json_uint(doc->json, NULL, cell->cpu + json_clip(MAX(slack.above, -slack.below)));
	}
	json_end_array(doc->json);
}

static void json_write_samples(struct json_document *doc)
{
	json_begin_array(doc->json, "samples");
	for (size_t i = doc->from; i < doc->to; i++) {
		const struct cell *cell = g_ptr_array_index(doc->cells, i);

		if (!cell->samples && !cell->cpu)
			continue;
		json_begin_object(doc->json, NULL);
		json_index(doc->json, "thread", json_ids_find(&doc->threads, cell->thread));
		json_index(doc->json, "stack", json_stack_find(doc, cell->stack));
		json_uint(doc->json, "count", cell->samples);
		json_uint(doc->json, "cpu_ns", cell->cpu);
		json_cpu_interval(doc, cell);
		json_bool(doc->json, "few", interval_is_few(cell->samples));
		json_end_object(doc->json);
	}
	json_end_array(doc->json);
}

static void json_write_trace_id(struct json_document *doc)
{
	const struct process *process = profile_process(doc->profile, doc->process);
	char text[33];

	for (unsigned i = 0; i < 16; i++)
		g_snprintf(text + 2 * i, 3, "%02x", process->trace_id[i]);
	json_text(doc->json, "trace_id", process->has_trace_id ? text : NULL);
}

/* Everything that gets an index has to have it before the first member is
 * written, because threads come first and name stacks. */
static void json_document_collect(struct json_document *doc)
{
	const struct profile *profile = doc->profile;

	for (uint32_t i = 1; i < profile->threads->len; i++) {
		if (profile_thread(profile, i)->process == doc->process)
			json_ids_add(&doc->threads, i);
	}
	for (guint i = 0; i < doc->threads.keys->len; i++) {
		uint64_t id = g_array_index(doc->threads.keys, uint64_t, i);
		const struct thread *thread = profile_thread(profile, (uint32_t)id);

		if (thread->creator_stack)
			json_stack_add(doc, thread->creator_stack);
		if (thread->start_frame)
			json_frame_add(doc, thread->start_frame,
				       profile_frame(profile, thread->start_frame)->first_line);
	}
	for (size_t i = doc->from; i < doc->to; i++) {
		const struct cell *cell = g_ptr_array_index(doc->cells, i);

		json_stack_add(doc, cell->stack);
	}
	doc->sites = heap_sites(doc->finder, doc->cells, doc->from, doc->to);
	for (guint i = 0; i < doc->sites->len; i++) {
		const struct site *site = &g_array_index(doc->sites, struct site_sum, i).site;

		json_frame_add(doc, site->frame, site->line);
	}
	json_mappings_add(doc);
}

static void json_document_write(struct json_document *doc)
{
	json_begin_object(doc->json, NULL);
	json_uint(doc->json, "version", 1);
	json_write_trace_id(doc);
	json_write_process(doc);
	json_write_engines(doc);
	json_write_settings(doc);
	json_write_losses(doc);
	json_write_threads(doc);
	json_write_modules(doc);
	json_write_functions(doc);
	json_write_frames(doc);
	json_write_stacks(doc);
	json_write_samples(doc);
	json_write_heap(doc);
	json_write_sites(doc);
	json_write_memory(doc);
	json_end_object(doc->json);
}

static void json_document_run(struct json_document *doc)
{
	struct json_ids *const ids[] = { &doc->threads, &doc->modules, &doc->functions,
					 &doc->frames, &doc->stacks };

	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
		json_ids_init(ids[i]);
	doc->nodes = key_table_new(NULL);
	json_document_collect(doc);
	json_document_write(doc);
	g_hash_table_unref(doc->nodes);
	g_array_unref(doc->sites);
	g_array_unref(doc->mappings);
	for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
		json_ids_fini(ids[i]);
}

/* One document for each process; the cells are ordered by process. */
static void json_write_all(struct json_document *doc)
{
	uint32_t n = doc->profile->processes->len;

	for (doc->process = 1; doc->process < n; doc->process++) {
		doc->from = doc->to;
		while (doc->to < doc->cells->len) {
			const struct cell *cell = g_ptr_array_index(doc->cells, doc->to);

			if (profile_thread(doc->profile, cell->thread)->process != doc->process)
				break;
			doc->to++;
		}
		json_document_run(doc);
	}
}

static int out_json_write(struct profile *profile, FILE *out, const struct options *options)
{
	bool several = profile->processes->len > 2;
	struct json_writer json;
	struct json_document doc = { .profile = profile, .options = options, .json = &json };
	struct view *view;

	if (options->lines)
		return json_write_lines(profile, out, options);
	json_init(&json, out, several ? 4 : 2);
	/* only for what --hide matches */
	view = view_new(profile, options, METRIC_DEFAULT);
	doc.hidden = view->hidden;
	doc.cells = cells_select(profile, options);
	doc.finder = heap_finder_new(profile, doc.hidden);
	if (several) {
		json_begin_object(&json, NULL);
		json_uint(&json, "version", 1);
		json_begin_array(&json, "traces");
	}
	json_write_all(&doc);
	if (several) {
		json_end_array(&json);
		json_end_object(&json);
	}
	heap_finder_free(doc.finder);
	g_ptr_array_unref((GPtrArray *)doc.cells);
	view_free(view);
	return 0;
}

const struct exporter out_json = {
	.groups = OPTIONS_SELECT | OPTIONS_SYMBOLS | OPTIONS_OUTPUT | OPTIONS_LINES,
	.lines_help = "one event a line, in order of time, instead of one document",
	.shows_losses = true,
	.write = out_json_write,
};
