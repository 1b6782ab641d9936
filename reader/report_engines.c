/* SPDX-License-Identifier: Apache-2.0
 *
 * report_engines.c - the part of the report about the profiler itself: which
 * engines ran and what was denied, settings, what it cost, what was lost.  For
 * several processes, what they have in common is told once.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "keys.h"
#include "prof_settings.h"

/* Lines already printed, so that a tree of a thousand processes that were all
 * denied the same is told so once. */
struct engines_said {
	GHashTable *lines;
	unsigned n, left_out;
};

#define ENGINES_LINES_MAX 24

static void engines_say(struct report *report, struct engines_said *said, const char *label,
			GString *text)
{
	if (g_hash_table_contains(said->lines, text->str)) {
		g_string_free(text, TRUE);
		return;
	}
	if (said->n++ < ENGINES_LINES_MAX)
		report_labelled(&report->page, label, text->str);
	else
		said->left_out++;
	g_hash_table_add(said->lines, g_string_free(text, FALSE));
}

static char *engines_hz(char *digits, double hz)
{
	return g_ascii_formatd(digits, G_ASCII_DTOSTR_BUF_SIZE, hz < 1000 ? "%.3g" : "%.0f", hz);
}

static void engines_cpu(struct report *report, struct engines_said *said,
			const struct process *process)
{
	GString *text = g_string_new(*process->cpu_engine ? process->cpu_engine : "unknown");
	char digits[G_ASCII_DTOSTR_BUF_SIZE];

	if (process->cpu_period_ns && strcmp(process->cpu_engine, "off")) {
		g_string_append_printf(text, ": %s samples asked for a second of CPU time",
				       engines_hz(digits, process->asked_hz));
		/* of several processes each has its own: it is in their table */
		if (process->achieved_hz > 0 && !report->several)
			g_string_append_printf(text, ", %s achieved",
					       engines_hz(digits, process->achieved_hz));
		if (process->has_cpu_kernel)
			g_string_append(text, process->cpu_kernel ? "; user and kernel code"
								  : "; user code only");
	}
	engines_say(report, said, "CPU", text);
}

static void engines_heap(struct report *report, struct engines_said *said,
			 const struct process *process)
{
	GString *text = g_string_new(*process->heap_engine ? process->heap_engine : "unknown");
	bool samples =
		strcmp(process->heap_engine, "off") && strcmp(process->heap_engine, "totals");
	char buf[FORMAT_ROOM];

	if (samples && process->heap_mean_bytes == 1)
		g_string_append(text, ": every allocation is recorded");
	else if (samples && process->heap_mean_bytes)
		g_string_append_printf(text, ": one sample every %s allocated, on average",
				       format_bytes(buf, (double)process->heap_mean_bytes));
	if (samples && process->heap_mean_most > process->heap_mean_bytes)
		g_string_append_printf(text, ", up to %s where more came than LIBPROF_HEAP_HZ lets",
				       format_bytes(buf, (double)process->heap_mean_most));
	engines_say(report, said, "heap", text);
}

/* The names of what keeps engines from running; "" for others. */
static const char *engines_errno_name(uint32_t error)
{
	static const struct {
		uint32_t error;
		const char *name;
	} names[] = {
		{ EPERM, "EPERM, " },	{ EACCES, "EACCES, " }, { ENOSYS, "ENOSYS, " },
		{ ENOENT, "ENOENT, " }, { ENOMEM, "ENOMEM, " }, { EMFILE, "EMFILE, " },
		{ EINVAL, "EINVAL, " }, { ENOSPC, "ENOSPC, " }, { EOPNOTSUPP, "EOPNOTSUPP, " },
		{ EAGAIN, "EAGAIN, " }, { EROFS, "EROFS, " },	{ EBUSY, "EBUSY, " },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (names[i].error == error)
			return names[i].name;
	}
	return "";
}

/* What an engine said of itself: denials with the errno and the writer's
 * advice, notes. */
static void engines_events(struct report *report, struct engines_said *said,
			   const struct process *process)
{
	static const char *const kinds[] = { "", "CPU", "heap", "writer" };
	static const char *const states[] = { "off", "on", "denied", "note" };

	for (guint i = 0; i < process->engines->len; i++) {
		const struct profile_engine *engine =
			&g_array_index(process->engines, struct profile_engine, i);
		const char *state;
		GString *text;

		/* "perf is on" has been said */
		if (engine->state == PROF_ENGINE_ON && !*engine->text)
			continue;
		text = g_string_new(engine->engine <= PROF_ENGINE_WRITER ? kinds[engine->engine]
									 : "");
		state = engine->state <= PROF_ENGINE_NOTE ? states[engine->state] : "?";
		if (strcmp(engine->name, state))
			g_string_append_printf(text, " %s", engine->name);
		g_string_append_printf(text, " %s", state);
		if (engine->error)
			g_string_append_printf(text, " (%s%s)", engines_errno_name(engine->error),
					       g_strerror((int)engine->error));
		if (*engine->text)
			g_string_append_printf(text, ": %s", engine->text);
		engines_say(report, said, "", text);
	}
}

/* The setting's default as text, and whether value means the same. */
static bool engines_is_default(const struct profile_setting *setting)
{
#define ENGINES_IS_DEFAULT(field, NAME, kind, standard, min, max, choices, help)                  \
	if (!strcmp(setting->name, "LIBPROF_" #NAME)) {                                           \
		if (PROF_SETTING_##kind == PROF_SETTING_TEXT)                                     \
			return !strcmp(setting->value, standard);                                 \
		return prof_setting_parse(PROF_SETTING_##kind, setting->value, min, max, choices, \
					  &value) &&                                              \
		       prof_setting_parse(PROF_SETTING_##kind, standard, min, max, choices,       \
					  &usual) &&                                              \
		       value == usual;                                                            \
	}
	uint64_t value = 0, usual = 1;

	PROF_SETTINGS(ENGINES_IS_DEFAULT)
	return false;
}

static void engines_settings(struct report *report, struct engines_said *said,
			     const struct process *process)
{
	GString *text = g_string_new("");

	for (guint i = 0; i < process->settings->len; i++) {
		const struct profile_setting *setting =
			&g_array_index(process->settings, struct profile_setting, i);

		if (!engines_is_default(setting))
			g_string_append_printf(text, "%s%s=%s", text->len ? " " : "", setting->name,
					       setting->value);
	}
	if (!text->len)
		g_string_append(text,
				process->settings->len ? "all at their defaults" : "not recorded");
	engines_say(report, said, "settings", text);
}

static void engines_cost(struct report *report)
{
	uint64_t self_ns = 0, cpu_ns = 0, threads_ns = 0, most = 0, rss = 0;
	GString *text = g_string_new("");
	bool is_kernels = true;
	char buf[FORMAT_ROOM];

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		self_ns += process->self_cpu_ns;
		cpu_ns += process->clock_cpu_ns;
		threads_ns += process->threads_cpu_ns;
		most = MAX(most, process->self_bytes);
		rss = MAX(rss, process->peak_rss_bytes);
		is_kernels &= process->peak_rss_is_kernels || !process->peak_rss_bytes;
	}
	g_string_append_printf(text, "%s CPU in its own thread", format_ns(buf, (double)self_ns));
	/* killed before the next second's: the program went on since */
	if (cpu_ns < threads_ns)
		g_string_append(text, " when it was last looked at");
	else
		g_string_append_printf(text, " (%s of all, that of the program and its own)",
				       format_share(buf, (double)self_ns, (double)cpu_ns));
	g_string_append_printf(text, " and %s of memory", format_bytes(buf, (double)most));
	report_labelled(&report->page, "profiler",
			cpu_ns ? text->str : "no figures in the segments read");
	if (rss) {
		g_string_printf(text, "resident %s at most", format_bytes(buf, (double)rss));
		g_string_append(text, is_kernels ? " (the kernel's high-water mark)"
						 : " of what was seen once a second");
		report_labelled(&report->page, "memory", text->str);
	}
	g_string_free(text, TRUE);
}

/* Sums by code over all processes; zero is stated too.  Only of losses that bear on
 * the figures. */
static void engines_losses(struct report *report, unsigned figures)
{
	GHashTable *sums = key_table_new(g_free);
	GArray *codes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	const char *label = "losses";

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const GArray *losses = profile_process(report->profile, i)->losses;

		for (guint j = 0; j < losses->len; j++) {
			const struct profile_loss *loss =
				&g_array_index(losses, struct profile_loss, j);
			gpointer key = key_pointer(loss->code);
			uint64_t *sum = g_hash_table_lookup(sums, key);

			if (!sum) {
				sum = g_new0(uint64_t, 2); /* in all, in the window */
				g_hash_table_insert(sums, key, sum);
				g_array_append_val(codes, loss->code);
			}
			sum[0] += loss->count;
			sum[1] += loss->window_count;
		}
	}
	for (guint i = 0; i < codes->len; i++) {
		uint64_t code = g_array_index(codes, uint64_t, i);
		const uint64_t *count = g_hash_table_lookup(sums, key_pointer(code));
		char *text, *part;

		if (!count[0] || !(profile_loss_figures(code) & figures))
			continue;
		part = report_is_window(report)
			       ? g_strdup_printf(" (%" PRIu64 " within these times)", count[1])
			       : g_strdup("");
		text = g_strdup_printf("%" PRIu64 " %s: %s%s", count[0], profile_loss_name(code),
				       profile_loss_text(code), part);
		g_free(part);
		report_labelled(&report->page, label, text);
		label = "";
		g_free(text);
	}
	if (report->profile->partial) {
		report_labelled(&report->page, label,
				"what the parts of the trace that could not be read held");
		label = "";
	}
	if (*label)
		report_labelled(&report->page, label,
				figures == FIGURES_ALL ? "none, of anything that can be lost"
						       : "none, of what is shown here");
	g_hash_table_unref(sums);
	g_array_unref(codes);
}

static void engines_said_end(struct report *report, struct engines_said *said)
{
	if (said->left_out)
		fprintf(report->page.out, "           and %u more lines, in the output json\n",
			said->left_out);
	g_hash_table_unref(said->lines);
}

void report_engines_brief(struct report *report, unsigned figures)
{
	struct engines_said said = {
		.lines = key_text_table_new(g_free),
	};

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		if (figures & FIGURES_CPU)
			engines_cpu(report, &said, process);
		else
			engines_heap(report, &said, process);
		engines_events(report, &said, process);
	}
	engines_said_end(report, &said);
	engines_losses(report, figures);
}

void report_engines(struct report *report)
{
	struct engines_said said = {
		.lines = key_text_table_new(g_free),
	};

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		engines_cpu(report, &said, process);
		engines_heap(report, &said, process);
		engines_events(report, &said, process);
		engines_settings(report, &said, process);
	}
	engines_said_end(report, &said);
	engines_cost(report);
	engines_losses(report, FIGURES_ALL);
}
