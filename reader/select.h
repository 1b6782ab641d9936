/* SPDX-License-Identifier: Apache-2.0
 *
 * select.h - what the selection options leave of a profile: rows of (thread,
 * stack, value) in one metric, and what its lines are called.  Between the
 * model and every output that shows stacks or functions; pure, one thread.
 *
 * --thread, --focus and --ignore choose rows; --hide drops frames from what is
 * shown; --threads and --processes put a root above the stacks.  Expressions
 * are searched (not anchored) in the demangled function names of all frames of
 * a stack, inlined ones too.
 */
#ifndef PROF_SELECT_H
#define PROF_SELECT_H

#include "opts.h"
#include "profile.h"

struct view_row {
	uint32_t thread, stack;
	double value; /* cpu and samples are whole numbers */
};

struct view {
	const struct profile *profile;
	enum metric metric;		/* never METRIC_DEFAULT */
	bool threads, processes, lines; /* the options of these names */
	GArray *rows;	/* struct view_row, value > 0, ordered by process and thread */
	guint8 *hidden; /* by function id: --hide matches; NULL: none */
	guint8 *peeked; /* by function id: --peek matches; NULL: no --peek */
};

/* What a cell or row is of. */
struct view_place {
	uint32_t thread, stack;
};

/* The order of rows and cells: by process, thread, stack. */
int view_compare(const struct profile *profile, struct view_place a, struct view_place b);

/* A view of profile in metric (METRIC_DEFAULT: as profile_metric() says).
 * options->metric is not looked at, so that a report can have several.
 * Expressions in options were compiled when they were parsed.  Lives at most
 * as long as profile.  Never NULL. */
struct view *view_new(const struct profile *profile, const struct options *options,
		      enum metric metric);
void view_free(struct view *view);

/* Whether options->threads_wanted lets this thread through. */
bool view_thread_wanted(const struct profile *profile, const struct options *options,
			uint32_t thread);

/* Appends what a line (index into profile->lines) is to be called: its
 * function's name, with " (file:line)" under --lines.  Raw bytes; the exporter
 * escapes. */
void view_line_name(const struct view *view, uint32_t line, GString *out);

/* Appends "name/tid" of a thread, or "name-pid" of a process. */
void view_thread_label(const struct profile *profile, uint32_t thread, GString *out);
void view_process_label(const struct profile *profile, uint32_t process, GString *out);

#endif
