/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h - what the sections of the report share.  report.c sets it up and
 * calls each section once, in the order of the page; sections print and change
 * nothing.
 */
#ifndef PROF_REPORT_H
#define PROF_REPORT_H

#include "cells.h"
#include "format_units.h"
#include "opts.h"
#include "profile.h"
#include "report_table.h"

/* What the cells that the selection leaves say together. */
struct report {
	const struct profile *profile;
	const struct options *options;
	FILE *out;
	const struct view *view; /* for what --hide and --peek match */
	const GPtrArray *cells;	 /* const struct cell * */
	enum metric metric;	 /* of the functions, never METRIC_DEFAULT */
	uint64_t samples, cpu_ns;
	struct heap_sum heap;
	bool several; /* processes */
	unsigned top; /* rows of each table */
	bool rough;   /* a "~" has been printed: explain it */
};

void report_head(struct report *report);      /* report_head.c */
void report_engines(struct report *report);   /* report_engines.c */
void report_threads(struct report *report);   /* report_threads.c */
void report_functions(struct report *report); /* report_functions.c */
void report_heap(struct report *report);      /* report_heap.c */
void report_modules(struct report *report);   /* report_modules.c */
void report_peek(struct report *report);      /* report_peek.c */

/* A figure of the metric in its unit. */
char *report_value(const struct report *report, char *buf, double value);

/* "~" when a figure rests on so few samples that it is rough; exact figures
 * (of no samples, or without variance) never are. */
const char *report_mark(struct report *report, uint64_t n, bool exact);

/* How many of n things there are: "1 thread", "2 threads". */
char *report_plural(char *buf, uint64_t n, const char *thing);

/* A function's name and a place in it, "name  file.c:12", cut to fit a table's
 * last column with the place kept; line 0: no place.  Free with g_free(). */
char *report_place(const struct function *function, uint32_t line);

/* What a cell counts for in a metric: samples it rests on. */
uint64_t report_cell_n(const struct report *report, const struct cell *cell);

/* How the functions of a stack are visited: once for each function, inlined
 * ones too, innermost first, hidden ones left out.  A model id each. */
struct report_step {
	uint32_t function, line; /* line: index into profile->lines */
};

/* Fills steps (GArray of struct report_step, emptied first), recursion and all. */
void report_steps(const struct report *report, uint32_t stack, GArray *steps);

#endif
