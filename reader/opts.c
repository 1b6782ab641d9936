/* SPDX-License-Identifier: Apache-2.0
 *
 * opts.c - the options of commands that show a profile, as tables for GLib, and
 * the way from a command line to an exporter's output.  Called by main.c.
 */
#include "opts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "opts_help.h"
#include "out.h"
#include "out_file.h"

/* What GLib parses into; checked and moved to struct options afterwards. */
struct raw_options {
	char *metric, **thread, *from, *to, *focus, *ignore, *hide, *peek;
	char *symfs, *debug_dir, *output, **traces;
	gboolean threads, processes, lines, debuginfod, help;
	int top;
};

#define OPTION(long_, short_, kind, field, help, arg)                         \
	{                                                                     \
		long_, short_, 0, G_OPTION_ARG_##kind, &raw->field, help, arg \
	}
#define OPTIONS_END                                             \
	{                                                       \
		NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL \
	}

static void add_select(GOptionContext *context, struct raw_options *raw)
{
	const GOptionEntry entries[] = {
		OPTION("metric", 0, STRING, metric,
		       "cpu (default), samples, alloc_space, alloc_objects, inuse_space, inuse_objects",
		       "NAME"),
		OPTION("thread", 0, STRING_ARRAY, thread,
		       "only threads of this name (* and ? match) or id; may be repeated",
		       "NAME|TID"),
		OPTION("threads", 0, NONE, threads, "the thread as the root frame, name/tid", NULL),
		OPTION("processes", 0, NONE, processes, "the process as the root frame, name-pid",
		       NULL),
		OPTION("from", 0, STRING, from, "only what happened from this second on", "S"),
		OPTION("to", 0, STRING, to, "only what happened up to this second", "S"),
		OPTION("focus", 0, STRING, focus, "only stacks with a function that matches", "RE"),
		OPTION("ignore", 0, STRING, ignore, "no stacks with a function that matches", "RE"),
		OPTION("hide", 0, STRING, hide,
		       "leave out frames of functions that match; a site gives way to its caller",
		       "RE"),
		OPTIONS_END,
	};

	g_option_context_add_main_entries(context, entries, NULL);
}

static void add_symbols(GOptionContext *context, struct raw_options *raw)
{
	const GOptionEntry entries[] = {
		OPTION("symfs", 0, FILENAME, symfs,
		       "look for the traced files below this directory", "DIR"),
		OPTION("debug-dir", 0, FILENAME, debug_dir,
		       "look for debug files here before /usr/lib/debug", "DIR"),
		OPTION("debuginfod", 0, NONE, debuginfod,
		       "ask the servers of DEBUGINFOD_URLS for missing debug files", NULL),
		OPTIONS_END,
	};

	g_option_context_add_main_entries(context, entries, NULL);
}

static void add_rest(GOptionContext *context, struct raw_options *raw, unsigned groups,
		     const char *lines_help)
{
	const GOptionEntry lines[] = {
		OPTION("lines", 0, NONE, lines, lines_help ? lines_help : "file:line in frames",
		       NULL),
		OPTIONS_END,
	};
	const GOptionEntry top[] = {
		OPTION("top", 0, INT, top, "rows in each table (15)", "N"),
		OPTION("peek", 0, STRING, peek, "callers and callees of functions that match",
		       "RE"),
		OPTIONS_END,
	};
	const GOptionEntry output[] = {
		OPTION("output", 'o', FILENAME, output, "write here instead of to stdout", "FILE"),
		OPTIONS_END,
	};
	const GOptionEntry help[] = {
		OPTION("help", 'h', NONE, help, "this help", NULL),
		OPTIONS_END,
	};
	const GOptionEntry traces[] = {
		OPTION(G_OPTION_REMAINING, 0, FILENAME_ARRAY, traces, NULL, NULL),
		OPTIONS_END,
	};

	if (groups & OPTIONS_LINES)
		g_option_context_add_main_entries(context, lines, NULL);
	if (groups & OPTIONS_TOP)
		g_option_context_add_main_entries(context, top, NULL);
	if (groups & OPTIONS_OUTPUT)
		g_option_context_add_main_entries(context, output, NULL);
	g_option_context_add_main_entries(context, help, NULL);
	g_option_context_add_main_entries(context, traces, NULL);
}

static GOptionContext *options_context(struct raw_options *raw, const struct command *command,
				       unsigned groups, const char *lines_help)
{
	char *args = g_strdup_printf("%s - %s", command->args, command->summary);
	GOptionContext *context = g_option_context_new(args);

	g_free(args);
	g_option_context_set_help_enabled(context, FALSE);
	if (groups & OPTIONS_SELECT)
		add_select(context, raw);
	if (groups & OPTIONS_SYMBOLS)
		add_symbols(context, raw);
	add_rest(context, raw, groups, lines_help);
	return context;
}

static void raw_free(struct raw_options *raw)
{
	g_free(raw->metric);
	g_strfreev(raw->thread);
	g_free(raw->from);
	g_free(raw->to);
	g_free(raw->focus);
	g_free(raw->ignore);
	g_free(raw->hide);
	g_free(raw->peek);
	g_free(raw->symfs);
	g_free(raw->debug_dir);
	g_free(raw->output);
	g_strfreev(raw->traces);
}

/* Help takes the program's name from here. */
static void options_name_program(const struct command *command)
{
	char *name = g_strdup_printf("prof %s", command->name);

	g_set_prgname(name);
	g_free(name);
}

static bool options_refuse(const char *option, const char *value, const char *why)
{
	char *safe = err_safe(value);

	err_say("--%s %s: %s", option, safe, why);
	g_free(safe);
	return false;
}

static bool parse_seconds(const char *option, const char *text, uint64_t *ns)
{
	char *end;
	double seconds;

	if (!text)
		return true;
	seconds = g_ascii_strtod(text, &end);
	if (end == text || *end || !(seconds >= 0 && seconds < 9e9))
		return options_refuse(option, text, "not a number of seconds from the start");
	*ns = (uint64_t)llround(seconds * 1e9);
	return true;
}

/* Names are bytes: an expression must not fail on one that is no UTF-8. */
static bool parse_regex(const char *option, const char *text, GRegex **regex)
{
	GError *error = NULL;

	if (!text)
		return true;
	*regex = g_regex_new(text, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, &error);
	if (*regex)
		return true;
	options_refuse(option, text, error->message);
	g_error_free(error);
	return false;
}

/* Checks what GLib cannot. */
static bool options_take(struct options *options, struct raw_options *raw)
{
	options->metric = raw->metric ? metric_by_name(raw->metric) : METRIC_DEFAULT;
	if (raw->metric && options->metric == METRIC_DEFAULT)
		return options_refuse("metric", raw->metric,
				      "not one of samples, cpu, alloc_objects, alloc_space, "
				      "inuse_objects, inuse_space");
	if (raw->top < 0)
		return options_refuse("top", "N", "below 0");
	options->threads = raw->threads;
	options->processes = raw->processes;
	options->lines = raw->lines;
	options->top = raw->top;
	options->threads_wanted = g_steal_pointer(&raw->thread);
	options->output = g_steal_pointer(&raw->output);
	options->symbols.symfs = g_steal_pointer(&raw->symfs);
	options->symbols.debug_dir = g_steal_pointer(&raw->debug_dir);
	options->symbols.debuginfod = raw->debuginfod;
	options->traces = raw->traces ? g_steal_pointer(&raw->traces) : g_new0(char *, 1);
	if (!parse_seconds("from", raw->from, &options->from_ns) ||
	    !parse_seconds("to", raw->to, &options->to_ns))
		return false;
	if (options->from_ns > options->to_ns)
		return options_refuse("to", raw->to, "before --from");
	return parse_regex("focus", raw->focus, &options->focus) &&
	       parse_regex("ignore", raw->ignore, &options->ignore) &&
	       parse_regex("hide", raw->hide, &options->hide) &&
	       parse_regex("peek", raw->peek, &options->peek);
}

bool options_parse(struct options *options, int argc, char **argv, const struct command *command,
		   unsigned groups, const char *lines_help)
{
	struct raw_options raw = { 0 };
	GOptionContext *context = options_context(&raw, command, groups, lines_help);
	char **args = g_new0(char *, (gsize)argc + 1);
	GError *error = NULL;
	bool good;

	memset(options, 0, sizeof(*options));
	options->to_ns = UINT64_MAX;
	for (int i = 0; i < argc; i++)
		args[i] = g_strdup(argv[i]);
	options_name_program(command);
	good = g_option_context_parse_strv(context, &args, &error);
	if (good && raw.help)
		exit(opts_help_print(context));
	if (!good) {
		char *safe = err_safe(error->message);

		err_say("%s: %s; `prof help %s` lists the options", command->name, safe,
			command->name);
		g_free(safe);
		g_error_free(error);
	} else {
		good = options_take(options, &raw);
	}
	raw_free(&raw);
	g_strfreev(args);
	g_option_context_free(context);
	if (!good)
		options_free(options);
	return good;
}

static void regex_free(GRegex *regex)
{
	if (regex)
		g_regex_unref(regex);
}

void options_free(struct options *options)
{
	g_strfreev(options->threads_wanted);
	g_strfreev(options->traces);
	regex_free(options->focus);
	regex_free(options->ignore);
	regex_free(options->hide);
	regex_free(options->peek);
	g_free((char *)options->symbols.symfs);
	g_free((char *)options->symbols.debug_dir);
	g_free(options->output);
	memset(options, 0, sizeof(*options));
}

/* Writes a loaded profile to where the options say. */
static int export_write(const struct exporter *exporter, struct profile *profile,
			const struct options *options)
{
	struct out_file file;
	int status;

	if (!out_file_open(&file, options->output))
		return EXIT_NOTHING;
	status = exporter->write(profile, file.stream, options);
	if (status) {
		out_file_abandon(&file);
		return status;
	}
	if (!out_file_close(&file))
		return EXIT_NOTHING;
	return profile->partial ? EXIT_PARTIAL : EXIT_GOOD;
}

int command_export(const struct command *command, int argc, char **argv)
{
	const struct exporter *exporter = command->exporter;
	struct options options;
	struct profile *profile;
	int status = EXIT_NOTHING;

	if (!options_parse(&options, argc, argv, command, exporter->groups, exporter->lines_help))
		return EXIT_NOTHING;
	profile = profile_load(options.traces, options.from_ns, options.to_ns);
	if (profile) {
		if (!exporter->shows_losses)
			profile_warn_losses(profile);
		profile_symbolize(profile, &options.symbols);
		profile_finish(profile);
		status = export_write(exporter, profile, &options);
	}
	profile_free(profile);
	options_free(&options);
	return status;
}
