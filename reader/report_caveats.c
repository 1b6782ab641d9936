/* SPDX-License-Identifier: Apache-2.0
 *
 * report_caveats.c - under the heading of a table: what was lost of its figures in
 * the times asked for, when the engine behind them changed, and for how long
 * sampling was off.  Silent where there is nothing to say.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define CAVEATS_MAX 8u /* changes told below one table */

/* "1.20 s to 3.41 s" */
static void caveat_times(GString *text, uint64_t from, uint64_t to)
{
	char buf[FORMAT_ROOM];

	g_string_append_printf(text, ", %s", format_ns(buf, (double)from));
	if (to > from)
		g_string_append_printf(text, " to %s", format_ns(buf, (double)to));
}

/* Of the events that a loss is of, those that were kept. */
static uint64_t caveat_kept(const struct report *report, uint64_t code)
{
	const struct profile *profile = report->profile;
	uint64_t kept = 0;

	for (uint32_t i = 1; i < profile->processes->len; i++)
		if (code == PROF_LOSS_CPU_RING || code == PROF_LOSS_TIMER_RING)
			kept += profile_process(profile, i)->n_samples;
	for (guint i = 0; i < profile->cells->len; i++)
		if (code == PROF_LOSS_HEAP_RING || code == PROF_LOSS_LIVE_TABLE)
			kept += g_array_index(profile->cells, struct cell, i).alloc_n;
	return kept;
}

/* One loss of all processes. */
static void caveat_loss(struct report *report, uint64_t code)
{
	struct profile_loss sum = { .window_from_ns = UINT64_MAX };
	char share[FORMAT_ROOM];
	uint64_t kept;
	GString *text;

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const GArray *losses = profile_process(report->profile, i)->losses;

		for (guint j = 0; j < losses->len; j++) {
			const struct profile_loss *loss =
				&g_array_index(losses, struct profile_loss, j);

			if (loss->code != code || !loss->window_count)
				continue;
			sum.window_count += loss->window_count;
			sum.window_from_ns = MIN(sum.window_from_ns, loss->window_from_ns);
			sum.window_to_ns = MAX(sum.window_to_ns, loss->window_to_ns);
		}
	}
	if (!sum.window_count)
		return;
	text = g_string_new("");
	g_string_append_printf(text, "%" PRIu64 " %s", sum.window_count, profile_loss_text(code));
	kept = caveat_kept(report, code);
	if (kept)
		g_string_append_printf(text, " (%s of all)",
				       format_share(share, (double)sum.window_count,
						    (double)(sum.window_count + kept)));
	if (!report->several)
		caveat_times(text, sum.window_from_ns, sum.window_to_ns);
	report_labelled(&report->page, "  lost", text->str);
	g_string_free(text, TRUE);
}

/* What became of an engine after it had started. */
static unsigned caveat_engine(struct report *report, const struct process *process, uint32_t engine)
{
	static const char *const states[] = { "off", "on", "denied", "" };
	bool started = false;
	unsigned said = 0;

	for (guint i = 0; i < process->engines->len && said < CAVEATS_MAX; i++) {
		const struct profile_engine *change =
			&g_array_index(process->engines, struct profile_engine, i);
		GString *text;

		if (change->engine != engine)
			continue;
		if (started && change->t_ns >= process->from_ns && change->t_ns <= process->to_ns) {
			text = g_string_new(engine == PROF_ENGINE_CPU ? "CPU " : "heap ");
			g_string_append_printf(text, "%s %s", change->name,
					       states[MIN(change->state, PROF_ENGINE_NOTE)]);
			if (*change->text)
				g_string_append_printf(text, ": %s", change->text);
			caveat_times(text, change->t_ns, 0);
			report_labelled(&report->page, "  changed", text->str);
			g_string_free(text, TRUE);
			said++;
		}
		started |= change->state == PROF_ENGINE_ON;
	}
	return said;
}

/* Sampling was switched off and on again, by the settings or the program. */
static void caveat_off(struct report *report, const struct process *process)
{
	uint64_t off_ns = 0, since = 0, t;
	unsigned spells = 0;
	bool off = false;
	char buf[FORMAT_ROOM], *text;

	for (guint i = 0; i < process->marks->len; i++) {
		const struct profile_mark *mark =
			&g_array_index(process->marks, struct profile_mark, i);

		t = CLAMP(mark->t_ns, process->from_ns, process->to_ns);
		if (mark->mark == PROF_MARK_STOP && !off) {
			off = true;
			since = t;
		} else if (mark->mark == PROF_MARK_START && off) {
			off = false;
			off_ns += t - since;
			spells += t > since;
		}
	}
	if (off && process->to_ns > since) {
		off_ns += process->to_ns - since;
		spells++;
	}
	if (!spells)
		return;
	text = g_strdup_printf("sampling, %u time%s, for %s", spells, spells == 1 ? "" : "s",
			       format_ns(buf, (double)off_ns));
	report_labelled(&report->page, "  off", text);
	g_free(text);
}

void report_caveats(struct report *report, unsigned figures)
{
	unsigned told = 0;

	for (uint64_t code = 1; code < PROF_LOSS_CODES; code++)
		if (profile_loss_figures(code) & figures)
			caveat_loss(report, code);
	for (uint32_t i = 1; i < report->profile->processes->len && told < CAVEATS_MAX; i++) {
		const struct process *process = profile_process(report->profile, i);

		if (figures & FIGURES_CPU)
			told += caveat_engine(report, process, PROF_ENGINE_CPU);
		if (figures & FIGURES_ALLOC)
			told += caveat_engine(report, process, PROF_ENGINE_HEAP);
		if (!report->several)
			caveat_off(report, process);
	}
}
