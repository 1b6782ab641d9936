/* SPDX-License-Identifier: Apache-2.0
 *
 * common_model.c - from a trace to every output, in one process: the model, the
 * exporters and the two commands that read segments by themselves.  What they
 * write is looked at byte by byte.  It has a symbolizer of its own, so that no
 * file is opened and no child started: names as a hostile file would give them.
 */
#define _GNU_SOURCE /* fopencookie */
#include "fuzz.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "../../reader/format_units.h"
#include "../../reader/out.h"

/* ---- The symbolizer ---- */

struct symbolize {
	GPtrArray *blocks;
};

static const struct symbolize_frame names[] = {
	{ "work", "work", "/src/a.c", 12, false },
	{ "a;b 12", "_Za", NULL, 0, false },
	{ "<script>alert(1)</script>", "x", "/src/<b>.c", 7, true },
	{ "\x1b[31mred\nline\t2\r", NULL, "a\nb", 1, true },
	{ "\xff\xfe\xe2\x80\xa8\xe2\x80\xae\xc2\x9b", "\xe2\x80\x8f", "\xed\xa0\x80", UINT32_MAX,
	  true },
	{ "app!fn_1000", NULL, NULL, 0, false },
	{ " ", " ", " ", 0, false },
	{ "std::vector<int, std::allocator<int> >::push_back(int&&)", "_ZN", "", 3, false },
};

struct symbolize *symbolize_new(const struct symbolize_options *options)
{
	struct symbolize *s = g_new0(struct symbolize, 1);

	(void)options;
	s->blocks = g_ptr_array_new_with_free_func(g_free);
	return s;
}

void symbolize_free(struct symbolize *s)
{
	if (s)
		g_ptr_array_free(s->blocks, TRUE);
	g_free(s);
}

const char *symbolize_source_name(enum symbolize_source source)
{
	return source == SYMBOLIZE_SOURCE_NONE ? "none" : "symtab";
}

const char *symbolize_match_name(enum symbolize_match match)
{
	return match == SYMBOLIZE_MATCH_NONE ? "none" : "same";
}

void symbolize_modules(struct symbolize *s, const struct symbolize_module *modules, size_t n,
		       struct symbolize_result *results)
{
	for (size_t i = 0; i < n; i++) {
		size_t many = modules[i].n_addresses;
		struct symbolize_address *a = g_new0(struct symbolize_address, many + 1);

		g_ptr_array_add(s->blocks, a);
		results[i] = (struct symbolize_result){ .addresses = a };
		results[i].status.n_named = many;
		results[i].status.lines = many % 2;
		results[i].status.file = modules[i].path;
		results[i].status.advice = many % 3 ? modules[i].path : NULL;
		results[i].status.match = (enum symbolize_match)(many % 5);
		for (size_t k = 0; k < many; k++) {
			size_t first = modules[i].addresses[k] % G_N_ELEMENTS(names);
			size_t room = G_N_ELEMENTS(names) - first;

			a[k].frames = names + first;
			a[k].n_frames = (uint32_t)(1 + (modules[i].addresses[k] >> 3) % room);
			a[k].has_start = first & 1;
			a[k].function_start = modules[i].addresses[k] & ~UINT64_C(15);
		}
	}
}

/* ---- The outputs ---- */

/* Of main.c, which has a main() of its own. */
const struct command *command_find(const char *name)
{
	static const struct command command = { "fuzz", NULL, "[TRACE...]", "", NULL, NULL };

	(void)name;
	return &command;
}

/* All output is UTF-8 without what a terminal would obey. */
enum rules { TABS = 1, COUNTS = 2 };

/* A stream that is looked at and thrown away. */
struct sink {
	unsigned rules;
	size_t len;	 /* of the line so far */
	size_t n_digits; /* at its end */
	char before;	 /* what is before them */
	char held[8];	 /* a character cut by the end of a write */
	size_t n_held;
};

static void sink_end_line(struct sink *sink)
{
	if (sink->rules & COUNTS)
		fuzz_require(sink->n_digits && sink->before == ' ' &&
				     sink->len > sink->n_digits + 1,
			     "a folded line without a count");
	sink->len = sink->n_digits = 0;
}

static void sink_byte(struct sink *sink, char byte)
{
	unsigned char c = (unsigned char)byte;

	if (c == '\n') {
		sink_end_line(sink);
		return;
	}
	fuzz_require(c >= ' ' || (c == '\t' && sink->rules & TABS), "a control character");
	fuzz_require(c != 0x7f, "a delete character");
	sink->len++;
	if (g_ascii_isdigit(byte)) {
		sink->n_digits++;
	} else {
		sink->n_digits = 0;
		sink->before = byte;
	}
}

/* One character of len bytes; how many it had, 0 when it is cut. */
static size_t sink_character(const char *bytes, size_t len)
{
	gunichar c = g_utf8_get_char_validated(bytes, (gssize)len);

	if (c == (gunichar)-2 && len < 4)
		return 0;
	fuzz_require(c != (gunichar)-1 && c != (gunichar)-2, "no UTF-8");
	fuzz_require(c < 0x80 || !format_is_unsafe(c), "an unsafe character");
	return (size_t)g_unichar_to_utf8(c, NULL);
}

static ssize_t sink_write(void *cookie, const char *bytes, size_t n)
{
	struct sink *sink = cookie;
	size_t used;

	for (size_t i = 0; i < n; i++) {
		sink_byte(sink, bytes[i]);
		if (!(bytes[i] & 0x80) && !sink->n_held)
			continue;
		sink->held[sink->n_held++] = bytes[i];
		used = sink_character(sink->held, sink->n_held);
		if (used)
			sink->n_held = 0;
	}
	return (ssize_t)n;
}

static FILE *sink_open(struct sink *sink, unsigned rules)
{
	cookie_io_functions_t io = { .write = sink_write };

	memset(sink, 0, sizeof(*sink));
	sink->rules = rules;
	return fopencookie(sink, "w", io);
}

static void sink_close(struct sink *sink, FILE *file)
{
	fclose(file);
	fuzz_require(!sink->n_held && !sink->len, "an unfinished line");
}

static void write_output(const struct exporter *exporter, struct profile *profile,
			 const struct options *options, unsigned rules)
{
	struct sink sink;
	FILE *file = sink_open(&sink, rules);

	exporter->write(profile, file, options);
	sink_close(&sink, file);
}

/* A command that writes to stdout. */
static void run_command(int (*command)(int, char **), char *name, char **paths)
{
	char *argv[8] = { name };
	struct sink sink;
	FILE *kept = stdout;
	int n = 1;

	for (; *paths; paths++)
		argv[n++] = *paths;
	stdout = sink_open(&sink, 0);
	command(n, argv);
	sink_close(&sink, stdout);
	stdout = kept;
}

static void write_outputs(struct profile *profile, unsigned pick)
{
	static GRegex *any;
	struct options options = { .metric = (enum metric)(pick % (METRIC_COUNT + 1)),
				   .threads = pick & 8,
				   .processes = pick & 16,
				   .lines = pick & 32,
				   .to_ns = UINT64_MAX,
				   .top = (int)(pick >> 16 & 3) };

	if (!any)
		any = g_regex_new("o|[^a]", G_REGEX_RAW, 0, NULL);
	if (pick & 64)
		options.hide = any;
	if (pick & 128)
		options.focus = any;
	write_output(&out_folded, profile, &options, COUNTS);
	if (pick & 256)
		write_output(&out_json, profile, &options, TABS);
	if (pick & 512)
		options.peek = any;
	write_output(&out_report, profile, &options, 0);
}

void fuzz_model(char **paths, unsigned pick)
{
	uint64_t from = pick & 1024 ? 20000000 : 0, to = pick & 2048 ? 50000000 : UINT64_MAX;
	struct profile *profile = profile_load(paths, from, to);

	if (profile) {
		profile_warn_losses(profile);
		profile_symbolize(profile, NULL);
		profile_finish(profile);
		write_outputs(profile, pick);
	}
	profile_free(profile);
	if (pick & 4096)
		run_command(check_main, "check", paths);
	else if (!(pick & 256))
		run_command(dump_main, "dump", paths);
}
