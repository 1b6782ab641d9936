/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_losses.c - what a trace says was lost: counted by code, as a whole and
 * in the window asked for, with the words for it and the figures it bears on.
 */
#include <inttypes.h>
#include <stdio.h>

#include "err.h"
#include "prof_format.h"
#include "profile_private.h"

#define LOSS_CODES_MAX 256u

#define LOSS_NAME(id, number, name, text) \
	case number: return name;

const char *profile_loss_name(uint64_t code)
{
	switch (code) {
		PROF_LOSSES(LOSS_NAME)
	}
	return "unknown";
}

#define LOSS_TEXT(id, number, name, text) \
	case number: return text;

const char *profile_loss_text(uint64_t code)
{
	switch (code) {
		PROF_LOSSES(LOSS_TEXT)
	}
	return "things lost that this prof has no name for";
}

unsigned profile_loss_figures(uint64_t code)
{
	switch (code) {
	case PROF_LOSS_CPU_RING:
	case PROF_LOSS_CPU_THROTTLED:
	case PROF_LOSS_TIMER_RING:
	case PROF_LOSS_UNKNOWN_THREAD: return FIGURES_CPU | FIGURES_THREADS;
	case PROF_LOSS_HEAP_RING:
	case PROF_LOSS_LIVE_TABLE: return FIGURES_ALLOC | FIGURES_INUSE | FIGURES_LIVE;
	case PROF_LOSS_FREE_RING: return FIGURES_INUSE | FIGURES_LIVE;
	case PROF_LOSS_STACK_TABLE:
	case PROF_LOSS_NO_STACK: return FIGURES_CPU | FIGURES_ALLOC | FIGURES_INUSE;
	case PROF_LOSS_CREATION_STACK: return FIGURES_THREADS;
	case PROF_LOSS_OTHER_RECORDS: return FIGURES_CPU | FIGURES_THREADS;
	default: return FIGURES_ALL; /* what a thread without a row did is nowhere */
	}
}

/* NULL: too many codes. */
static struct profile_loss *loss_of(struct process *s, uint64_t code)
{
	struct profile_loss loss = { .code = code };

	for (guint i = 0; i < s->losses->len; i++)
		if (g_array_index(s->losses, struct profile_loss, i).code == code)
			return &g_array_index(s->losses, struct profile_loss, i);
	if (s->losses->len >= LOSS_CODES_MAX)
		return NULL;
	g_array_append_val(s->losses, loss);
	return &g_array_index(s->losses, struct profile_loss, s->losses->len - 1);
}

uint64_t loss_count(struct process *s, uint64_t code)
{
	const struct profile_loss *loss = loss_of(s, code);

	return loss ? loss->count : 0;
}

/* count more, at some time after since and not after t. */
static void loss_add(const struct profile *p, struct profile_loss *loss, uint64_t since, uint64_t t,
		     uint64_t count)
{
	if (!count)
		return;
	if (!loss->count)
		loss->t_first_ns = t;
	loss->t_last_ns = t;
	loss->count += count;
	since = MIN(since, t);
	if (t < p->from_ns || since > p->to_ns)
		return;
	if (!loss->window_count)
		loss->window_from_ns = since;
	loss->window_to_ns = t;
	loss->window_count += count;
}

void loss_total(const struct profile *p, struct process *s, uint64_t t, uint64_t code,
		uint64_t total)
{
	struct profile_loss *loss = loss_of(s, code);

	if (loss && total > loss->count)
		loss_add(p, loss, loss->t_last_ns, t, total - loss->count);
}

void loss_more(const struct profile *p, struct process *s, uint64_t since, uint64_t t,
	       uint64_t code, uint64_t count)
{
	struct profile_loss *loss = loss_of(s, code);

	if (loss && count <= UINT64_MAX - loss->count)
		loss_add(p, loss, MAX(since, loss->t_last_ns), t, count);
}

static void process_warn(const struct process *s)
{
	char *path = err_safe(s->path);

	for (guint i = 0; i < s->losses->len; i++) {
		const struct profile_loss *loss = &g_array_index(s->losses, struct profile_loss, i);

		/* Dropping old segments is what was asked for. */
		if (loss->window_count && loss->code != PROF_LOSS_SEGMENT_DROPPED)
			err_say("%s: %" PRIu64 " %s", path, loss->window_count,
				profile_loss_text(loss->code));
	}
	if (s->segments_missing)
		err_say("%s: %" PRIu64 " segments between those read are missing", path,
			s->segments_missing);
	if (s->n_unknown_records)
		err_say("%s: %" PRIu64 " records of kinds this prof does not know were skipped",
			path, s->n_unknown_records);
	g_free(path);
}

void profile_warn_losses(const struct profile *p)
{
	for (uint32_t i = 1; i < p->processes->len; i++)
		process_warn(profile_process(p, i));
}
