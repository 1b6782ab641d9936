/* SPDX-License-Identifier: Apache-2.0
 *
 * report_caveats.c - under the heading of a table: what was lost of its figures in
 * the times asked for, when the engine behind them changed, and for how long
 * sampling was off.  Silent where there is nothing to say.  Of several processes each
 * has its own times: what was lost and changed names the process.
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define CAVEATS_MAX 8u		 /* changes and pauses told below one table */
#define CAVEATS_PROCESSES_MAX 3u /* processes that a loss is told of by name */

/* What is told below one table. */
struct caveats {
	struct report *report;
	unsigned told, more; /* lines printed, and left out */
};

/* "1.20 s to 3.41 s" */
static void caveat_times(GString *text, uint64_t from, uint64_t to)
{
	char buf[FORMAT_ROOM];

	g_string_append_printf(text, ", %s", format_ns(buf, (double)from));
	if (to > from)
		g_string_append_printf(text, " to %s", format_ns(buf, (double)to));
}

/* Which of several processes: "app-4242", a space behind it; "" of one. */
static void caveat_who(const struct report *report, const struct process *process, GString *text)
{
	if (report->several)
		g_string_append_printf(text, "%s-%" PRIu64 " ", process->program, process->pid);
}

static void caveat_say(struct caveats *caveats, const char *label, const char *text)
{
	if (caveats->told++ < CAVEATS_MAX)
		report_labelled(&caveats->report->page, label, text);
	else
		caveats->more++;
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

/* NULL: a process lost none of it within the window. */
static const struct profile_loss *caveat_find(const struct process *process, uint64_t code)
{
	for (guint i = 0; i < process->losses->len; i++) {
		const struct profile_loss *loss =
			&g_array_index(process->losses, struct profile_loss, i);

		if (loss->code == code && loss->window_count)
			return loss;
	}
	return NULL;
}

/* When it was lost: of several processes, of the first ones that did. */
static void caveat_loss_times(struct report *report, uint64_t code, GString *text)
{
	unsigned processes = 0;

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);
		const struct profile_loss *loss = caveat_find(process, code);

		if (!loss || processes++ >= CAVEATS_PROCESSES_MAX)
			continue;
		if (report->several) {
			g_string_append(text, "; ");
			caveat_who(report, process, text);
			g_string_append_printf(text, "%" PRIu64, loss->window_count);
		}
		caveat_times(text, loss->window_from_ns, loss->window_to_ns);
	}
	if (processes > CAVEATS_PROCESSES_MAX)
		g_string_append_printf(text, "; %u processes in all", processes);
}

/* One loss of all processes. */
static void caveat_loss(struct report *report, uint64_t code)
{
	uint64_t lost = 0, kept;
	char share[FORMAT_ROOM];
	GString *text;

	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct profile_loss *loss =
			caveat_find(profile_process(report->profile, i), code);

		lost += loss ? loss->window_count : 0;
	}
	if (!lost)
		return;
	text = g_string_new("");
	g_string_append_printf(text, "%" PRIu64 " %s", lost, profile_loss_text(code));
	kept = caveat_kept(report, code);
	if (kept)
		g_string_append_printf(text, " (%s of all)",
				       format_share(share, (double)lost, (double)(lost + kept)));
	caveat_loss_times(report, code, text);
	report_labelled(&report->page, "  lost", text->str);
	g_string_free(text, TRUE);
}

/* What became of an engine after it had started. */
static void caveat_engine(struct caveats *caveats, const struct process *process, uint32_t engine)
{
	static const char *const states[] = { "off", "on", "denied", "" };
	bool started = false;

	for (guint i = 0; i < process->engines->len; i++) {
		const struct profile_engine *change =
			&g_array_index(process->engines, struct profile_engine, i);
		GString *text;

		if (change->engine != engine)
			continue;
		if (started && change->t_ns >= process->from_ns && change->t_ns <= process->to_ns) {
			text = g_string_new("");
			caveat_who(caveats->report, process, text);
			g_string_append_printf(
				text, "%s %s %s", engine == PROF_ENGINE_CPU ? "CPU" : "heap",
				change->name, states[MIN(change->state, PROF_ENGINE_NOTE)]);
			if (*change->text)
				g_string_append_printf(text, ": %s", change->text);
			caveat_times(text, change->t_ns, 0);
			caveat_say(caveats, "  changed", text->str);
			g_string_free(text, TRUE);
		}
		started |= change->state == PROF_ENGINE_ON;
	}
}

/* Sampling was switched off and on again, by the settings or the program. */
static void caveat_off(struct caveats *caveats, const struct process *process)
{
	uint64_t off_ns = 0, since = 0, t;
	unsigned spells = 0;
	bool off = false;
	char buf[FORMAT_ROOM];
	GString *text;

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
	text = g_string_new("");
	caveat_who(caveats->report, process, text);
	g_string_append_printf(text, "sampling, %u time%s, for %s", spells, spells == 1 ? "" : "s",
			       format_ns(buf, (double)off_ns));
	caveat_say(caveats, "  off", text->str);
	g_string_free(text, TRUE);
}

void report_caveats(struct report *report, unsigned figures)
{
	struct caveats caveats = { .report = report };
	char text[64];

	for (uint64_t code = 1; code < PROF_LOSS_CODES; code++)
		if (profile_loss_figures(code) & figures)
			caveat_loss(report, code);
	for (uint32_t i = 1; i < report->profile->processes->len; i++) {
		const struct process *process = profile_process(report->profile, i);

		if (figures & (FIGURES_CPU | FIGURES_THREADS))
			caveat_engine(&caveats, process, PROF_ENGINE_CPU);
		if (figures & (FIGURES_ALLOC | FIGURES_INUSE | FIGURES_LIVE))
			caveat_engine(&caveats, process, PROF_ENGINE_HEAP);
		caveat_off(&caveats, process);
	}
	if (!caveats.more)
		return;
	g_snprintf(text, sizeof(text), "and %u more, in the output json", caveats.more);
	report_labelled(&report->page, "  more", text);
}
