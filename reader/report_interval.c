/* SPDX-License-Identifier: Apache-2.0
 *
 * report_interval.c - how sure the report is of a figure: the part of it that the
 * wider side of its 95 % interval reaches, and whether it rests on too little for
 * more than an order of magnitude.
 */
#include "report.h"

#include <math.h>

#include "interval.h"

static bool interval_is_of_cpu(enum metric metric)
{
	return metric == METRIC_CPU || metric == METRIC_SAMPLES;
}

void report_count_trials(struct report *report)
{
	const struct profile *profile = report->profile;

	for (uint32_t i = 1; i < profile->threads->len; i++) {
		const struct thread *thread = profile_thread(profile, i);

		if (!view_thread_wanted(profile, report->options, i))
			continue;
		report->trials += thread->n_samples;
		report->covered_ns += thread->cpu_ns - thread->not_sampled_ns;
	}
}

const char *report_mark(struct report *report, uint64_t n, bool exact)
{
	if (exact || !interval_is_few(n))
		return "";
	report->rough = true;
	return "~";
}

/* Each sample is one trial of all; beside them the split of what none covers may be
 * wrong. */
static double interval_reach_of_cpu(const struct report *report, const struct stack_sum *sum)
{
	double covered =
		(double)(report->metric == METRIC_CPU ? report->covered_ns : report->trials);
	double reach = fmax(fabs(sum->slack.below), fabs(sum->slack.above));

	if (sum->n)
		reach += covered * interval_reach_of_share((double)sum->n, (double)report->trials);
	return reach;
}

char *report_reach(const struct report *report, char *buf, const struct stack_sum *sum)
{
	bool is_cpu = interval_is_of_cpu(report->metric), calls;
	double reach;

	if (!(sum->value > 0))
		return strcpy(buf, "");
	calls = report->metric == METRIC_ALLOC_OBJECTS || report->metric == METRIC_INUSE_OBJECTS;
	if (!is_cpu)
		return report_heap_reach(report, buf, sum->value, sum->var,
					 calls ? sum->var / sum->value : sum->mean, sum->mean);
	reach = interval_reach_of_cpu(report, sum);
	if (reach > 0)
		g_snprintf(buf, FORMAT_ROOM, "%.0f%%", 100 * reach / sum->value);
	else
		strcpy(buf, "exact");
	return buf;
}

char *report_heap_reach(const struct report *report, char *buf, double value, double variance,
			double unseen, double mean)
{
	if (!(value > 0))
		return strcpy(buf, "");
	if (!(mean > 0))
		return strcpy(buf, report->heap_exact ? "exact" : "-");
	/* sums that were taken back from can be below 0 by their rounding */
	g_snprintf(buf, FORMAT_ROOM, "%.0f%%",
		   100 * interval_reach(value, fmax(0, variance), fmax(0, unseen)));
	return buf;
}

const char *report_sum_mark(struct report *report, const struct stack_sum *sum)
{
	return report_mark(report, sum->n, !interval_is_of_cpu(report->metric) && !(sum->mean > 0));
}

char *report_beside(char *buf, const char *reach)
{
	bool known = *reach && *reach != '-';

	g_snprintf(buf, FORMAT_ROOM, "%s%s%s", known ? " " : "",
		   known && g_ascii_isdigit(*reach) ? "+-" : "", known ? reach : "");
	return buf;
}
