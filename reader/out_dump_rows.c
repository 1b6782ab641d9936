/* SPDX-License-Identifier: Apache-2.0
 *
 * out_dump_rows.c - rows as lines of `prof dump`: one function a kind of record,
 * field by field, under the names FORMAT.md gives them.
 */
#include "out_dump.h"

#include <inttypes.h>
#include <string.h>

#include "format_units.h"
#include "profile.h"

void dump_safe(FILE *out, const char *text, size_t len)
{
	GString *safe = g_string_new(NULL);
	char *copy = g_strndup(text, len);

	format_safe(safe, copy, 0);
	fprintf(out, "\"%s\"", safe->str);
	g_free(copy);
	g_string_free(safe, TRUE);
}

void dump_hex(FILE *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", bytes[i]);
}

/* " name=value" */
static void dump_number(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, " %s=%" PRIu64, name, value);
}

static void dump_address(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, " %s=0x%" PRIx64, name, value);
}

/* A reference that leads nowhere is shown as `?`. */
static void dump_reference(FILE *out, const char *name, uint32_t id)
{
	if (id == DECODE_BAD_REFERENCE)
		fprintf(out, " %s=?", name);
	else
		dump_number(out, name, id);
}

static void dump_string(FILE *out, const struct row_string *row)
{
	dump_number(out, "id", row->id);
	fputs(" text=", out);
	dump_safe(out, (const char *)row->text, row->len);
}

static void dump_mapping(FILE *out, const struct row_mapping *row)
{
	dump_number(out, "id", row->id);
	dump_number(out, "flags", row->flags);
	dump_address(out, "start", row->start);
	dump_address(out, "end", row->end);
	dump_address(out, "file_offset", row->file_offset);
	dump_address(out, "load_bias", row->load_bias);
	dump_number(out, "t", row->t);
	dump_number(out, "dev", row->dev);
	dump_number(out, "ino", row->ino);
	dump_reference(out, "path", row->path);
	fputs(" build_id=", out);
	dump_hex(out, row->build_id, row->build_id_len);
}

static void dump_node(FILE *out, const struct row_node *row)
{
	dump_number(out, "id", row->id);
	dump_number(out, "parent", row->parent);
	dump_reference(out, "mapping", row->mapping);
	dump_address(out, "offset", row->offset);
	dump_number(out, "guessed", row->guessed);
}

static void dump_thread(FILE *out, const struct row_thread *row)
{
	dump_number(out, "thread", row->thread);
	dump_number(out, "tid", row->tid);
	dump_number(out, "flags", row->flags);
	dump_number(out, "t_start", row->t_start);
	dump_reference(out, "name", row->name);
	dump_number(out, "creator", row->creator);
	dump_reference(out, "stack", row->stack);
	dump_reference(out, "start_mapping", row->start_mapping);
	dump_address(out, "start_offset", row->start_offset);
}

static void dump_sample(FILE *out, const struct row_sample *row)
{
	dump_number(out, "t", row->t);
	dump_number(out, "period_ns", row->period_ns);
	dump_number(out, "thread", row->thread);
	dump_number(out, "cpu", row->cpu);
	dump_number(out, "in_kernel", row->in_kernel);
	dump_number(out, "weight", row->weight);
	dump_reference(out, "stack", row->stack);
}

static void dump_heap(FILE *out, const struct row_heap *row)
{
	fputs(row->op == PROF_HEAP_ALLOC ? " alloc" : " free", out);
	dump_number(out, "t", row->t);
	dump_number(out, "thread", row->thread);
	dump_number(out, "block", row->block);
	if (row->op != PROF_HEAP_ALLOC)
		return;
	dump_number(out, "mean", row->mean);
	dump_number(out, "size", row->size);
	if (row->sampled_size != row->size)
		dump_number(out, "sampled_size", row->sampled_size);
	dump_reference(out, "stack", row->stack);
}

static void dump_live(FILE *out, const struct row_live *row)
{
	dump_number(out, "block", row->block);
	dump_number(out, "t", row->t);
	dump_number(out, "thread", row->thread);
	dump_number(out, "mean", row->mean);
	dump_number(out, "size", row->size);
	if (row->sampled_size != row->size)
		dump_number(out, "sampled_size", row->sampled_size);
	dump_reference(out, "stack", row->stack);
}

static void dump_thread_stats(FILE *out, const struct row_thread_stats *row)
{
	dump_number(out, "t", row->t);
	dump_number(out, "thread", row->thread);
	dump_number(out, "flags", row->flags);
	dump_number(out, "cpu_ns", row->cpu_ns);
	dump_number(out, "user_ns", row->user_ns);
	dump_number(out, "system_ns", row->system_ns);
	dump_number(out, "alloc_calls", row->alloc_calls);
	dump_number(out, "alloc_bytes", row->alloc_bytes);
}

static void dump_process_stats(FILE *out, const struct row_process_stats *row)
{
	dump_number(out, "t", row->t);
	dump_number(out, "cpu_ns", row->cpu_ns);
	dump_number(out, "rss_bytes", row->rss_bytes);
	dump_number(out, "vsize_bytes", row->vsize_bytes);
	dump_number(out, "self_cpu_ns", row->self_cpu_ns);
	dump_number(out, "self_bytes", row->self_bytes);
	if (row->rss_peak_bytes)
		dump_number(out, "rss_peak_bytes", row->rss_peak_bytes);
}

static void dump_cumulative(FILE *out, const struct row_cumulative *row, uint64_t number)
{
	if (number) {
		dump_number(out, "code", row->code);
		dump_number(out, "total", row->total);
		return;
	}
	dump_number(out, "t", row->t);
	dump_number(out, "ended_threads", row->ended_threads);
	dump_number(out, "cpu_ns", row->cpu_ns);
	dump_number(out, "user_ns", row->user_ns);
	dump_number(out, "system_ns", row->system_ns);
	dump_number(out, "alloc_calls", row->alloc_calls);
	dump_number(out, "alloc_bytes", row->alloc_bytes);
	dump_number(out, "samples", row->samples);
	dump_number(out, "sample_ns", row->sample_ns);
	dump_number(out, "heap_events", row->heap_events);
	dump_number(out, "segments_dropped", row->segments_dropped);
}

static void dump_loss(FILE *out, const struct row_loss *row)
{
	dump_number(out, "t", row->t);
	dump_number(out, "code", row->code);
	fprintf(out, " name=%s", profile_loss_name(row->code));
	dump_number(out, "count", row->count);
	dump_number(out, "detail", row->detail);
}

static void dump_engine(FILE *out, const struct row_engine *row)
{
	dump_number(out, "t", row->t);
	dump_number(out, "engine", row->engine);
	dump_number(out, "state", row->state);
	dump_number(out, "errno", row->error);
	dump_reference(out, "name", row->name);
	dump_reference(out, "text", row->text);
}

/* The rows of records that are one row, and what is not known. */
static void dump_short(FILE *out, const struct event *e)
{
	switch (e->kind) {
	case PROF_REC_MARK:
		dump_number(out, "t", e->mark.t);
		dump_number(out, "mark", e->mark.mark);
		dump_number(out, "value", e->mark.value);
		break;
	case PROF_REC_END:
		dump_number(out, "t", e->end.t);
		dump_number(out, "reason", e->end.reason);
		break;
	case PROF_REC_LOSS: dump_loss(out, &e->loss); break;
	case PROF_REC_ENGINE: dump_engine(out, &e->engine); break;
	case PROF_REC_PROCESS_STATS: dump_process_stats(out, &e->process_stats); break;
	default: dump_number(out, "kind", e->kind); dump_number(out, "bytes", e->len);
	}
}

void dump_row(FILE *out, uint64_t frame_offset, const struct event *e)
{
	const char *name = decode_record_name(e->kind);

	fprintf(out, "%" PRIu64 "+%zu %s", frame_offset, e->offset, name ? name : "unknown");
	switch (e->kind) {
	case PROF_REC_STRING: dump_string(out, &e->string); break;
	case PROF_REC_MAPPING: dump_mapping(out, &e->mapping); break;
	case PROF_REC_NODES: dump_node(out, &e->node); break;
	case PROF_REC_THREAD: dump_thread(out, &e->thread); break;
	case PROF_REC_SAMPLES: dump_sample(out, &e->sample); break;
	case PROF_REC_HEAP: dump_heap(out, &e->heap); break;
	case PROF_REC_LIVE: dump_live(out, &e->live); break;
	case PROF_REC_THREAD_STATS: dump_thread_stats(out, &e->thread_stats); break;
	case PROF_REC_CUMULATIVE: dump_cumulative(out, &e->cumulative, e->row); break;
	default: dump_short(out, e);
	}
	putc('\n', out);
}
