/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the sections of the report share.  report.c sets it up and
 * calls each section once, in the order of the page; sections print and change
 * nothing.
 */
#ifndef PROF_REPORT_H
#define PROF_REPORT_H

#include "format_units.h"
#include "heap_sites.h"
#include "opts.h"
#include "profile.h"
#include "report_place.h"
#include "report_table.h"
#include "select.h"
#include "stack_tree.h"

/* What the cells that the selection leaves say together. */
struct report {
	const struct profile *profile;
	const struct options *options;
	struct report_page page;
	const struct view *view; /* for what --hide and --peek match */
	const GPtrArray *cells;	 /* const struct cell * */
	struct stack_tree *tree; /* of the cells, in metric */
	enum metric metric;	 /* of the functions, never METRIC_DEFAULT */
	uint64_t samples, cpu_ns;
	uint64_t trials;     /* samples of the threads asked for, whatever their stacks */
	uint64_t covered_ns; /* the time that these stand for */
	struct heap_sum heap;
	bool several;	 /* processes */
	bool heap_exact; /* report_heap_is_exact() */
	unsigned top;	 /* rows of each table */
	bool rough;	 /* a "~" has been printed: explain it */
};

void report_head(struct report *report);      /* report_head.c */
void report_engines(struct report *report);   /* report_engines.c */
void report_threads(struct report *report);   /* report_threads.c */
void report_functions(struct report *report); /* report_functions.c */
void report_heap(struct report *report);      /* report_heap.c */
void report_modules(struct report *report);   /* report_modules.c */
void report_peek(struct report *report);      /* report_peek.c */

/* Of these, only what bears on such figures (enum profile_figures): for a page
 * without its head.  report_engines.c */
void report_engines_brief(struct report *report, unsigned figures);

/* Below the heading of a table with such figures (enum profile_figures): what was
 * lost of them and what changed, within the window.  report_caveats.c */
void report_caveats(struct report *report, unsigned figures);

/* A figure of the metric in its unit. */
char *report_value(const struct report *report, char *buf, double value);

/* How sure a figure is; report_interval.c.  Sets trials and covered_ns. */
void report_count_trials(struct report *report);

/* "~" when a figure rests on so few samples that it is rough; exact figures
 * (of no samples, or of calls that were all recorded) never are. */
const char *report_mark(struct report *report, uint64_t n, bool exact);
/* The same of a figure of the metric. */
const char *report_sum_mark(struct report *report, const struct stack_sum *sum);

/* The wider side of a figure's 95 % interval, as a part of it: "12%", "exact", "-" when
 * that is not known, "" of nothing.  The first is of a figure of the metric, the
 * second of any of the heap: see interval_of_sum(); mean 0: every call is recorded. */
char *report_reach(const struct report *report, char *buf, const struct stack_sum *sum);
char *report_heap_reach(const struct report *report, char *buf, double value, double variance,
			double unseen, double mean);
/* That, to stand behind the figure in a sentence: " +-12%", " exact", "". */
char *report_beside(char *buf, const char *reach);

/* Whether allocations were counted at all, and whether they were sampled. */
bool report_heap_is_counted(const struct report *report);
bool report_heap_is_sampled(const struct report *report);

/* Whether all allocations are known: each was recorded, and none was lost. */
bool report_heap_is_exact(const struct report *report);

/* Whether figures between two statistics of a thread are interpolated. */
bool report_is_window(const struct report *report);

/* Whether options leave out threads, stacks or times. */
bool report_is_partly(const struct report *report);

/* How many of n things there are: "1 thread", "2 threads". */
char *report_plural(char *buf, uint64_t n, const char *thing);

/* Whether a line (of profile->lines) is shown: its function is not hidden. */
static inline bool report_is_shown(const struct report *report, uint32_t line)
{
	const guint8 *hidden = report->view->hidden;

	return !hidden || !hidden[profile_line(report->profile, line)->function];
}

/* By node: the innermost line shown of its stack, whose function has the
 * stack's self; 0: none.  Free with g_free(). */
uint32_t *report_leaves(const struct report *report);

#endif
