/* SPDX-License-Identifier: Apache-2.0
 *
 * out_json_process.c - the members of a JSON document that speak of the process
 * and of the profiler: process, engines, settings, losses, memory.
 */
#include "out_json.h"

#include <math.h>
#include <string.h>

#include "cells.h"
#include "stack_ends.h"

/* Texts of the header are "" when the trace has none. */
static void json_text_or_null(struct json_writer *json, const char *name, const char *text)
{
	json_text(json, name, text && *text ? text : NULL);
}

static const char *json_process_state(const struct process *process)
{
	const struct profile_segment *last;

	if (!process->segments->len)
		return "open";
	last = &g_array_index(process->segments, struct profile_segment,
			      process->segments->len - 1);
	switch (process->end_reason) {
	case PROF_END_EXIT: return "exit";
	case PROF_END_EXEC: return "exec";
	case PROF_END_WRITE: return "write_failed";
	default:
		/* the segment after a rotated one may be gone or not begun */
		return process->exited			? "exit"
		       : last->state == SEGMENT_DAMAGED ? "damaged"
							: "open";
	}
}

static void json_process_identity(struct json_document *doc, const struct process *process)
{
	static const uint8_t none[16];
	struct json_writer *json = doc->json;
	char parent[33];

	for (unsigned i = 0; i < 16; i++)
		g_snprintf(parent + 2 * i, 3, "%02x", process->parent_trace_id[i]);
	json_text(json, "program", process->program);
	json_text_or_null(json, "exe", process->exe);
	json_text_or_null(json, "argv0", process->argv0);
	json_uint(json, "pid", process->pid);
	json_uint(json, "ppid", process->ppid);
	json_uint(json, "uid", process->uid);
	json_text(json, "parent_trace_id",
		  memcmp(process->parent_trace_id, none, 16) ? parent : NULL);
	json_text_or_null(json, "host", process->host);
	json_text_or_null(json, "container_id", process->container_id);
	json_text_or_null(json, "service_name", process->service_name);
	json_text_or_null(json, "resource_attributes", process->resource_attributes);
	json_text_or_null(json, "kernel", process->kernel);
	json_text_or_null(json, "machine", process->machine);
	json_text_or_null(json, "boot_id", process->boot_id);
	json_uint(json, "page_bytes", process->page_bytes);
	json_uint(json, "cpus", process->cpus);
	json_address(json, "entry", process->entry);
	json_text_or_null(json, "writer_version", process->writer_version);
	json_text(json, "reader_version", PROF_VERSION);
}

static void json_process_times(struct json_document *doc, const struct process *process)
{
	struct json_writer *json = doc->json;
	GDateTime *start =
		g_date_time_new_from_unix_utc((gint64)(process->start_real_ns / 1000000000));
	char *text = start ? g_date_time_format(start, "%Y-%m-%dT%H:%M:%SZ") : NULL;

	json_text(json, "start_time", process->start_real_ns ? text : NULL);
	json_uint(json, "start_real_ns", process->start_real_ns);
	json_uint(json, "start_mono_ns", process->start_mono_ns);
	json_uint(json, "first_ns", process->t_first_ns);
	json_uint(json, "last_ns", process->t_last_ns);
	json_uint(json, "from_ns", process->from_ns);
	json_uint(json, "to_ns", process->to_ns);
	json_text(json, "state", json_process_state(process));
	json_bool(json, "selected", cells_are_selected(doc->options));
	json_bool(json, "partial", process->partial);
	g_free(text);
	if (start)
		g_date_time_unref(start);
}

static void json_process_figures(struct json_writer *json, const struct process *process)
{
	const struct exact *before = &process->ended_before;

	json_uint(json, "samples", process->n_samples);
	json_begin_object(json, "sample_stacks");
	for (unsigned end = 0; end < STACK_ENDS; end++)
		json_uint(json, stack_end_name(end), process->ends[end]);
	json_end_object(json);
	json_uint(json, "cpu_ns", process->cpu_ns);
	json_uint(json, "sampled_ns", process->sampled_ns);
	json_uint(json, "not_sampled_ns", process->not_sampled_ns);
	json_uint(json, "off_ns", process->off_ns);
	json_uint(json, "off_wall_ns", process->off_wall_ns);
	json_uint(json, "kernel_not_sampled_ns", process->kernel_not_sampled_ns);
	json_uint(json, "clock_cpu_ns", process->clock_cpu_ns);
	json_uint(json, "threads_cpu_ns", process->threads_cpu_ns);
	json_uint(json, "self_cpu_ns", process->self_cpu_ns);
	json_uint(json, "self_bytes", process->self_bytes);
	json_uint(json, "peak_rss_bytes", process->peak_rss_bytes);
	json_text(json, "peak_rss_source", process->peak_rss_is_kernels ? "kernel" : "seen");
	json_uint(json, "peak_inuse_space", (uint64_t)llround(process->heap_peak_space));
	json_interval(json, "peak_inuse_space_95",
		      interval_of_sum(process->heap_peak_space, process->heap_peak_space_var,
				      process->heap_peak_mean));
	json_bool(json, "peak_inuse_few",
		  process->heap_peak_mean > 0 && interval_is_few(process->heap_peak_n));
	json_uint(json, "peak_inuse_n", process->heap_peak_n);
	json_uint(json, "peak_inuse_ns", process->heap_peak_ns);
	json_begin_object(json, "ended_before");
	json_uint(json, "threads", process->ended_before_threads);
	json_uint(json, "cpu_ns", before->cpu_ns);
	json_uint(json, "user_ns", before->user_ns);
	json_uint(json, "system_ns", before->system_ns);
	json_uint(json, "alloc_calls", before->alloc_calls);
	json_uint(json, "alloc_bytes", before->alloc_bytes);
	json_end_object(json);
}

static void json_process_segments(struct json_writer *json, const struct process *process)
{
	static const char *const states[] = { "closed", "open", "damaged" };

	json_uint(json, "segments_dropped", process->segments_dropped);
	json_uint(json, "segments_missing", process->segments_missing);
	json_begin_array(json, "segments");
	for (guint i = 0; i < process->segments->len; i++) {
		const struct profile_segment *segment =
			&g_array_index(process->segments, struct profile_segment, i);

		json_begin_object(json, NULL);
		json_text(json, "path", segment->path);
		json_uint(json, "number", segment->number);
		json_uint(json, "start_ns", segment->start_ns);
		json_uint(json, "file_bytes", segment->file_bytes);
		json_uint(json, "content_bytes", segment->content_bytes);
		json_uint(json, "uncommitted", segment->uncommitted);
		json_uint(json, "damages", segment->damages);
		json_text(json, "state", states[MIN(segment->state, SEGMENT_DAMAGED)]);
		json_end_object(json);
	}
	json_end_array(json);
}

static void json_process_marks(struct json_writer *json, const struct process *process)
{
#define JSON_MARK_NAME(id, number, text) [number] = text,
	static const char *const names[] = { PROF_MARKS(JSON_MARK_NAME) };

	json_begin_array(json, "marks");
	for (guint i = 0; i < process->marks->len; i++) {
		const struct profile_mark *mark =
			&g_array_index(process->marks, struct profile_mark, i);
		bool known = mark->mark < G_N_ELEMENTS(names) && names[mark->mark];

		json_begin_object(json, NULL);
		json_uint(json, "t_ns", mark->t_ns);
		json_text(json, "mark", known ? names[mark->mark] : "unknown");
		json_uint(json, "value", mark->value);
		json_end_object(json);
	}
	json_end_array(json);
}

void json_write_process(struct json_document *doc)
{
	const struct process *process = profile_process(doc->profile, doc->process);

	json_begin_object(doc->json, "process");
	json_process_identity(doc, process);
	json_process_times(doc, process);
	json_process_figures(doc->json, process);
	json_process_segments(doc->json, process);
	json_process_marks(doc->json, process);
	json_end_object(doc->json);
}

static void json_write_engine_events(struct json_writer *json, const struct process *process)
{
	static const char *const engines[] = { "unknown", "cpu", "heap", "writer" };
	static const char *const states[] = { "off", "on", "denied", "note", "unknown" };

	json_begin_array(json, "events");
	for (guint i = 0; i < process->engines->len; i++) {
		const struct profile_engine *engine =
			&g_array_index(process->engines, struct profile_engine, i);

		json_begin_object(json, NULL);
		json_uint(json, "t_ns", engine->t_ns);
		json_text(json, "engine",
			  engines[engine->engine <= PROF_ENGINE_WRITER ? engine->engine : 0]);
		json_text(json, "state", states[MIN(engine->state, PROF_ENGINE_NOTE + 1)]);
		json_uint(json, "errno", engine->error);
		json_text(json, "name", engine->name);
		json_text(json, "text", engine->text);
		json_end_object(json);
	}
	json_end_array(json);
}

void json_write_engines(struct json_document *doc)
{
	const struct process *process = profile_process(doc->profile, doc->process);
	struct json_writer *json = doc->json;

	json_begin_object(json, "engines");
	json_begin_object(json, "cpu");
	json_text_or_null(json, "name", process->cpu_engine);
	json_uint(json, "period_ns", process->cpu_period_ns);
	json_real(json, "asked_hz", process->asked_hz, 3);
	json_real(json, "achieved_hz", process->achieved_hz, 3);
	if (process->has_cpu_kernel)
		json_bool(json, "kernel", process->cpu_kernel);
	else
		json_null(json, "kernel");
	json_uint(json, "stack_bytes", process->stack_bytes);
	json_end_object(json);
	json_begin_object(json, "heap");
	json_text_or_null(json, "name", process->heap_engine);
	json_uint(json, "mean_bytes", process->heap_mean_bytes);
	json_uint(json, "mean_bytes_most", MAX(process->heap_mean_most, process->heap_mean_bytes));
	json_end_object(json);
	json_write_engine_events(json, process);
	json_end_object(json);
}

void json_write_settings(struct json_document *doc)
{
	const struct process *process = profile_process(doc->profile, doc->process);

	json_begin_object(doc->json, "settings");
	for (guint i = 0; i < process->settings->len; i++) {
		const struct profile_setting *setting =
			&g_array_index(process->settings, struct profile_setting, i);

		json_text_named(doc->json, setting->name, setting->value);
	}
	json_end_object(doc->json);
}

static void json_loss_figures(struct json_writer *json, unsigned figures)
{
	static const char *const names[] = { "cpu", "threads", "alloc", "inuse" };

	json_begin_array(json, "figures");
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (figures & 1u << i)
			json_text(json, NULL, names[i]);
	json_end_array(json);
}

void json_write_losses(struct json_document *doc)
{
	const struct process *process = profile_process(doc->profile, doc->process);
	struct json_writer *json = doc->json;

	json_begin_array(json, "losses");
	for (guint i = 0; i < process->losses->len; i++) {
		const struct profile_loss *loss =
			&g_array_index(process->losses, struct profile_loss, i);

		json_begin_object(json, NULL);
		json_uint(json, "code", loss->code);
		json_text(json, "name", profile_loss_name(loss->code));
		json_text(json, "text", profile_loss_text(loss->code));
		json_uint(json, "count", loss->count);
		json_uint(json, "first_ns", loss->t_first_ns);
		json_uint(json, "last_ns", loss->t_last_ns);
		json_uint(json, "window_count", loss->window_count);
		json_loss_figures(json, profile_loss_figures(loss->code));
		json_end_object(json);
	}
	json_end_array(json);
}

void json_write_memory(struct json_document *doc)
{
	const struct process *process = profile_process(doc->profile, doc->process);
	struct json_writer *json = doc->json;

	json_begin_array(json, "memory");
	for (guint i = 0; i < process->memory->len; i++) {
		const struct profile_memory_point *point =
			&g_array_index(process->memory, struct profile_memory_point, i);

		json_begin_object(json, NULL);
		json_uint(json, "t_ns", point->t_ns);
		json_uint(json, "cpu_ns", point->cpu_ns);
		json_uint(json, "rss_bytes", point->rss_bytes);
		json_uint(json, "vsize_bytes", point->vsize_bytes);
		json_uint(json, "self_cpu_ns", point->self_cpu_ns);
		json_uint(json, "self_bytes", point->self_bytes);
		if (point->rss_peak_bytes)
			json_uint(json, "rss_peak_bytes", point->rss_peak_bytes);
		else
			json_null(json, "rss_peak_bytes");
		json_end_object(json);
	}
	json_end_array(json);
}
