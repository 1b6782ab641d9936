/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - `prof check`: says of each segment whether all of it could be read,
 * of each trace whether all of it is there, and what was lost, zero too.  All
 * frames, checksums and references are looked at by loading the model; each
 * thing wrong was told on stderr on the way.  A command of its own, called by
 * main.c.
 */
#include "out.h"

#include <inttypes.h>
#include <string.h>

#include "err.h"
#include "out_file.h"

#define END_NAME(id, number, name) \
	case number: return name;

static const char *end_name(uint32_t reason)
{
	switch (reason) {
		PROF_ENDS(END_NAME)
	}
	return "unknown reason";
}

static void check_segment(FILE *out, const struct profile_segment *segment)
{
	char *safe = err_safe(segment->path);

	fprintf(out, "  %s: ", safe);
	g_free(safe);
	if (segment->damages)
		fprintf(out, "damaged in %" PRIu64 " places", segment->damages);
	else
		fputs("good", out);
	fprintf(out,
		", %" PRIu64 " frames, %" PRIu64 " records, %" PRIu64 " bytes (%" PRIu64
		" uncompressed), ",
		segment->frames, segment->records, segment->file_bytes, segment->content_bytes);
	if (segment->end_reason)
		fprintf(out, "ended: %s", end_name(segment->end_reason));
	else
		fputs("no end record: cut or still running", out);
	if (segment->uncommitted)
		fprintf(out, ", %" PRIu64 " unfinished writes", segment->uncommitted);
	putc('\n', out);
}

static void check_missing(FILE *out, uint64_t first, uint64_t last)
{
	if (first == last)
		fprintf(out, "  segment %" PRIu64 " is missing\n", first);
	else
		fprintf(out, "  segments %" PRIu64 " to %" PRIu64 " are missing\n", first, last);
}

static void check_segments(FILE *out, const struct process *s)
{
	const struct profile_segment *segment = NULL;
	uint64_t expected = 0;

	for (guint i = 0; i < s->segments->len; i++) {
		segment = &g_array_index(s->segments, struct profile_segment, i);
		if (i == 0 && segment->number > 1)
			fprintf(out,
				"  segments 1 to %" PRIu64 " are not here; by its own account "
				"the library dropped %" PRIu64 "\n",
				segment->number - 1, s->segments_dropped);
		else if (i > 0 && segment->number > expected)
			check_missing(out, expected, segment->number - 1);
		expected = segment->number + 1;
		check_segment(out, segment);
	}
	if (segment && segment->end_reason == PROF_END_ROTATED)
		fprintf(out,
			"  no end record: cut or still running, or segment %" PRIu64
			" and those after it are not here\n",
			expected);
}

static void check_process(FILE *out, const struct process *s)
{
	char *path = err_safe(s->path), *program = err_safe(s->program);

	fprintf(out, "%s: %s, pid %" PRIu64 ", %" PRIu64 " CPU samples, %" PRIu64 " heap events\n",
		path, program, s->pid, s->n_samples, s->n_heap_rows);
	check_segments(out, s);
	fputs("  lost:", out);
	for (guint i = 0; i < s->losses->len; i++) {
		const struct profile_loss *loss = &g_array_index(s->losses, struct profile_loss, i);

		fprintf(out, "%s %s", i ? "," : "", profile_loss_name(loss->code));
		if (loss->code >= PROF_LOSS_CODES)
			fprintf(out, " %" PRIu64, loss->code);
		fprintf(out, " %" PRIu64, loss->count);
	}
	putc('\n', out);
	if (s->n_unknown_frees)
		fprintf(out, "  frees of blocks not known: %" PRIu64 "\n", s->n_unknown_frees);
	if (s->n_unknown_records)
		fprintf(out, "  records of unknown kinds skipped: %" PRIu64 "\n",
			s->n_unknown_records);
	fprintf(out, "  %s\n", s->partial || s->segments_missing ? "damaged but readable" : "good");
	g_free(program);
	g_free(path);
}

int check_main(int argc, char **argv)
{
	struct options options;
	struct profile *profile;
	struct out_file file;
	int status = EXIT_NOTHING;

	if (!options_parse(&options, argc, argv, command_find("check"), OPTIONS_OUTPUT, NULL))
		return EXIT_NOTHING;
	profile = profile_load(options.traces, 0, UINT64_MAX);
	if (profile && out_file_open(&file, options.output)) {
		status = profile->partial ? EXIT_PARTIAL : EXIT_GOOD;
		for (guint i = 1; i < profile->processes->len; i++) {
			check_process(file.stream, profile_process(profile, i));
			if (profile_process(profile, i)->segments_missing)
				status = EXIT_PARTIAL;
		}
		if (!out_file_close(&file))
			status = EXIT_NOTHING;
	}
	profile_free(profile);
	options_free(&options);
	return status;
}
