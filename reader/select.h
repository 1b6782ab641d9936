/* SPDX-License-Identifier: Apache-2.0
 *
 * select.h - what the selection options leave of a profile: rows of (thread,
 * stack, value) in one metric, and the frames to show for a stack.  Between the
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
	GArray *rows;	     /* struct view_row, value > 0, ordered by process and thread */
	double total;	     /* sum of the rows' values */
	double metric_total; /* of all cells, nothing selected away */
	guint8 *hidden;	     /* by function id: --hide matches; NULL: none */
	guint8 *peeked;	     /* by function id: --peek matches; NULL: no --peek */
};

/* One frame to show.  label is for roots (--threads, --processes), which have
 * no frame. */
struct view_frame {
	uint32_t frame;
	uint32_t line; /* index into profile->lines */
	const char *label;
};

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

/* Fills frames (GArray of struct view_frame, emptied first) with the stack,
 * outermost first, inline chains expanded, hidden ones left out, no roots. */
void view_stack(const struct view *view, uint32_t stack, GArray *frames);

/* Appends what a frame is to be called: the function's name, with
 * " (file:line)" under --lines.  Raw bytes; the exporter escapes. */
void view_frame_name(const struct view *view, const struct view_frame *frame, GString *out);

/* Appends "name/tid" of a thread, or "name-pid" of a process. */
void view_thread_label(const struct profile *profile, uint32_t thread, GString *out);
void view_process_label(const struct profile *profile, uint32_t process, GString *out);

#endif
