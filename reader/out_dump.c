/* SPDX-License-Identifier: Apache-2.0
 *
 * out_dump.c - `prof dump`: segments as they are, one line a row, with the
 * offset of the frame in the file and of the record in the frame.  Reads
 * segments itself, not the model: it is for looking at what the model is made
 * of.  A command of its own, called by main.c.
 */
#include "out.h"

#include <inttypes.h>
#include <string.h>

#include "decode.h"
#include "err.h"
#include "format_units.h"
#include "out_file.h"
#include "segment_in.h"
#include "trace_list.h"

struct dump {
	FILE *out;
	const char *path;
	uint64_t frame_offset;
	struct decoder decoder;
	bool damaged;
	uint64_t segments;
};

static void dump_safe(struct dump *d, const char *text, size_t len)
{
	GString *safe = g_string_new(NULL);
	char *copy = g_strndup(text, len);

	format_safe(safe, copy, 0);
	fprintf(d->out, "\"%s\"", safe->str);
	g_free(copy);
	g_string_free(safe, TRUE);
}

static void dump_hex(struct dump *d, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fprintf(d->out, "%02x", bytes[i]);
}

/* " name=value" */
static void dump_number(struct dump *d, const char *name, uint64_t value)
{
	fprintf(d->out, " %s=%" PRIu64, name, value);
}

static void dump_address(struct dump *d, const char *name, uint64_t value)
{
	fprintf(d->out, " %s=0x%" PRIx64, name, value);
}

/* A reference that leads nowhere is shown as `?`. */
static void dump_reference(struct dump *d, const char *name, uint32_t id)
{
	if (id == DECODE_BAD_REFERENCE)
		fprintf(d->out, " %s=?", name);
	else
		dump_number(d, name, id);
}

static void dump_string(struct dump *d, const struct row_string *row)
{
	dump_number(d, "id", row->id);
	fputs(" text=", d->out);
	dump_safe(d, (const char *)row->text, row->len);
}

static void dump_mapping(struct dump *d, const struct row_mapping *row)
{
	dump_number(d, "id", row->id);
	dump_number(d, "flags", row->flags);
	dump_address(d, "start", row->start);
	dump_address(d, "end", row->end);
	dump_address(d, "file_offset", row->file_offset);
	dump_address(d, "load_bias", row->load_bias);
	dump_number(d, "t", row->t);
	dump_number(d, "dev", row->dev);
	dump_number(d, "ino", row->ino);
	dump_reference(d, "path", row->path);
	fputs(" build_id=", d->out);
	dump_hex(d, row->build_id, row->build_id_len);
}

static void dump_node(struct dump *d, const struct row_node *row)
{
	dump_number(d, "id", row->id);
	dump_number(d, "parent", row->parent);
	dump_reference(d, "mapping", row->mapping);
	dump_address(d, "offset", row->offset);
	dump_number(d, "guessed", row->guessed);
}

static void dump_thread(struct dump *d, const struct row_thread *row)
{
	dump_number(d, "thread", row->thread);
	dump_number(d, "tid", row->tid);
	dump_number(d, "flags", row->flags);
	dump_number(d, "t_start", row->t_start);
	dump_reference(d, "name", row->name);
	dump_number(d, "creator", row->creator);
	dump_reference(d, "stack", row->stack);
	dump_reference(d, "start_mapping", row->start_mapping);
	dump_address(d, "start_offset", row->start_offset);
}

static void dump_sample(struct dump *d, const struct row_sample *row)
{
	dump_number(d, "t", row->t);
	dump_number(d, "period_ns", row->period_ns);
	dump_number(d, "thread", row->thread);
	dump_number(d, "cpu", row->cpu);
	dump_number(d, "in_kernel", row->in_kernel);
	dump_number(d, "weight", row->weight);
	dump_reference(d, "stack", row->stack);
}

static void dump_heap(struct dump *d, const struct row_heap *row)
{
	fputs(row->op == PROF_HEAP_ALLOC ? " alloc" : " free", d->out);
	dump_number(d, "t", row->t);
	dump_number(d, "thread", row->thread);
	dump_number(d, "block", row->block);
	if (row->op != PROF_HEAP_ALLOC)
		return;
	dump_number(d, "mean", row->mean);
	dump_number(d, "size", row->size);
	dump_reference(d, "stack", row->stack);
}

static void dump_live(struct dump *d, const struct row_live *row)
{
	dump_number(d, "block", row->block);
	dump_number(d, "t", row->t);
	dump_number(d, "thread", row->thread);
	dump_number(d, "mean", row->mean);
	dump_number(d, "size", row->size);
	dump_reference(d, "stack", row->stack);
}

static void dump_thread_stats(struct dump *d, const struct row_thread_stats *row)
{
	dump_number(d, "t", row->t);
	dump_number(d, "thread", row->thread);
	dump_number(d, "flags", row->flags);
	dump_number(d, "cpu_ns", row->cpu_ns);
	dump_number(d, "user_ns", row->user_ns);
	dump_number(d, "system_ns", row->system_ns);
	dump_number(d, "alloc_calls", row->alloc_calls);
	dump_number(d, "alloc_bytes", row->alloc_bytes);
}

static void dump_process_stats(struct dump *d, const struct row_process_stats *row)
{
	dump_number(d, "t", row->t);
	dump_number(d, "cpu_ns", row->cpu_ns);
	dump_number(d, "rss_bytes", row->rss_bytes);
	dump_number(d, "vsize_bytes", row->vsize_bytes);
	dump_number(d, "self_cpu_ns", row->self_cpu_ns);
	dump_number(d, "self_bytes", row->self_bytes);
}

static void dump_cumulative(struct dump *d, const struct row_cumulative *row, uint64_t number)
{
	if (number) {
		dump_number(d, "code", row->code);
		dump_number(d, "total", row->total);
		return;
	}
	dump_number(d, "t", row->t);
	dump_number(d, "ended_threads", row->ended_threads);
	dump_number(d, "cpu_ns", row->cpu_ns);
	dump_number(d, "user_ns", row->user_ns);
	dump_number(d, "system_ns", row->system_ns);
	dump_number(d, "alloc_calls", row->alloc_calls);
	dump_number(d, "alloc_bytes", row->alloc_bytes);
	dump_number(d, "samples", row->samples);
	dump_number(d, "sample_ns", row->sample_ns);
	dump_number(d, "heap_events", row->heap_events);
	dump_number(d, "segments_dropped", row->segments_dropped);
}

static void dump_loss(struct dump *d, const struct row_loss *row)
{
	dump_number(d, "t", row->t);
	dump_number(d, "code", row->code);
	fprintf(d->out, " name=%s", profile_loss_name(row->code));
	dump_number(d, "count", row->count);
	dump_number(d, "detail", row->detail);
}

static void dump_engine(struct dump *d, const struct row_engine *row)
{
	dump_number(d, "t", row->t);
	dump_number(d, "engine", row->engine);
	dump_number(d, "state", row->state);
	dump_number(d, "errno", row->error);
	dump_reference(d, "name", row->name);
	dump_reference(d, "text", row->text);
}

/* The rows of records that are one row, and what is not known. */
static void dump_short(struct dump *d, const struct event *e)
{
	switch (e->kind) {
	case PROF_REC_MARK:
		dump_number(d, "t", e->mark.t);
		dump_number(d, "mark", e->mark.mark);
		dump_number(d, "value", e->mark.value);
		break;
	case PROF_REC_END:
		dump_number(d, "t", e->end.t);
		dump_number(d, "reason", e->end.reason);
		break;
	case PROF_REC_LOSS:
		dump_loss(d, &e->loss);
		break;
	case PROF_REC_ENGINE:
		dump_engine(d, &e->engine);
		break;
	case PROF_REC_PROCESS_STATS:
		dump_process_stats(d, &e->process_stats);
		break;
	default:
		dump_number(d, "kind", e->kind);
		dump_number(d, "bytes", e->len);
	}
}

static void dump_event(void *arg, const struct event *e)
{
	const char *name = decode_record_name(e->kind);
	struct dump *d = arg;

	fprintf(d->out, "%" PRIu64 "+%zu %s", d->frame_offset, e->offset, name ? name : "unknown");
	switch (e->kind) {
	case PROF_REC_STRING: dump_string(d, &e->string); break;
	case PROF_REC_MAPPING: dump_mapping(d, &e->mapping); break;
	case PROF_REC_NODES: dump_node(d, &e->node); break;
	case PROF_REC_THREAD: dump_thread(d, &e->thread); break;
	case PROF_REC_SAMPLES: dump_sample(d, &e->sample); break;
	case PROF_REC_HEAP: dump_heap(d, &e->heap); break;
	case PROF_REC_LIVE: dump_live(d, &e->live); break;
	case PROF_REC_THREAD_STATS: dump_thread_stats(d, &e->thread_stats); break;
	case PROF_REC_CUMULATIVE: dump_cumulative(d, &e->cumulative, e->row); break;
	default: dump_short(d, e);
	}
	putc('\n', d->out);
}

static void dump_header_field(struct dump *d, const struct segment_header *header, unsigned key,
			      char type, const char *name)
{
	if (key == PROF_HDR_SETTING) {
		for (guint i = 0; i < header->settings->len; i++) {
			const char *text = g_ptr_array_index(header->settings, i);

			fprintf(d->out, "0 header %s=", name);
			dump_safe(d, text, strlen(text));
			putc('\n', d->out);
		}
		return;
	}
	if (!header->present[key])
		return;
	fprintf(d->out, "0 header %s=", name);
	if (type == 'u')
		fprintf(d->out, "%" PRIu64, header->number[key]);
	else if (type == 's')
		dump_safe(d, header->text[key], header->text_len[key]);
	else
		dump_hex(d, (const uint8_t *)header->text[key], header->text_len[key]);
	putc('\n', d->out);
}

static void dump_header(struct dump *d, const struct segment_header *header)
{
#define DUMP_FIELD(id, key, type, name) dump_header_field(d, header, key, #type[0], name);
	fprintf(d->out, "0 header version=%u min_reader=%u\n", header->version, header->min_reader);
	PROF_HEADER_FIELDS(DUMP_FIELD)
}

static void dump_damage(void *arg, uint64_t offset, const char *what, enum err err,
			const char *detail)
{
	struct dump *d = arg;

	d->damaged = true;
	d->decoder.lossy = true;
	err_at(d->path, offset, what, err, detail);
}

static void dump_record_damage(void *arg, size_t offset, const char *record, enum err err)
{
	struct dump *d = arg;
	char *what = g_strdup_printf("%s at %zu of the frame", record, offset);

	dump_damage(d, d->frame_offset, what, err, NULL);
	g_free(what);
}

static void dump_segment(struct dump *d, const char *path)
{
	struct segment_in *segment;
	struct segment_frame frame;
	char *safe = err_safe(path);

	d->path = path;
	d->decoder = (struct decoder){ .event = dump_event, .error = dump_record_damage, .arg = d };
	segment_open(&segment, path, 0, dump_damage, d);
	if (segment) {
		d->segments++;
		fprintf(d->out, "segment %s\n", safe);
		dump_header(d, segment_header(segment));
		while (segment_next(segment, &frame)) {
			d->frame_offset = frame.offset;
			fprintf(d->out, "%" PRIu64 " frame bytes=%zu\n", frame.offset, frame.len);
			decode_frame(&d->decoder, frame.data, frame.len);
		}
		segment_close(segment);
	}
	g_free(safe);
}

int dump_main(int argc, char **argv)
{
	struct options options;
	struct dump d = { 0 };
	struct out_file file;
	GPtrArray *traces;

	if (!options_parse(&options, argc, argv, command_find("dump"), OPTIONS_OUTPUT, NULL))
		return EXIT_NOTHING;
	if (!out_file_open(&file, options.output)) {
		options_free(&options);
		return EXIT_NOTHING;
	}
	d.out = file.stream;
	traces = trace_list_new(options.traces, &d.damaged);
	for (guint i = 0; i < traces->len; i++) {
		const struct trace *trace = g_ptr_array_index(traces, i);

		for (guint j = 0; j < trace->files->len; j++)
			dump_segment(&d, g_array_index(trace->files, struct trace_file, j).path);
	}
	g_ptr_array_unref(traces);
	if (!d.segments)
		out_file_abandon(&file);
	else if (!out_file_close(&file))
		d.segments = 0;
	options_free(&options);
	if (!d.segments)
		return EXIT_NOTHING;
	return d.damaged ? EXIT_PARTIAL : EXIT_GOOD;
}
