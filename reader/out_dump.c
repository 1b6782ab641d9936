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
#include "out_dump.h"
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

static void dump_event(void *arg, const struct event *event)
{
	struct dump *d = arg;

	dump_row(d->out, d->frame_offset, event);
}

static void dump_header_field(struct dump *d, const struct segment_header *header, unsigned key,
			      char type, const char *name)
{
	if (key == PROF_HDR_SETTING) {
		for (guint i = 0; i < header->settings->len; i++) {
			const char *text = g_ptr_array_index(header->settings, i);

			fprintf(d->out, "0 header %s=", name);
			dump_safe(d->out, text, strlen(text));
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
		dump_safe(d->out, header->text[key], header->text_len[key]);
	else
		dump_hex(d->out, (const uint8_t *)header->text[key], header->text_len[key]);
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
