/* SPDX-License-Identifier: Apache-2.0
 *
 * report_place.h - a function and a place in it as one cell of a table: "name
 * file.c:12", made to fit without losing what tells it from others.  Called by
 * the report's sections and its tables; pure.
 */
#ifndef PROF_REPORT_PLACE_H
#define PROF_REPORT_PLACE_H

#include <glib.h>

#include "profile.h"

/* The cell of a function, at a line of its file (0: no place), or offset bytes
 * into it (0: not said).  Free with g_free(). */
char *report_place(const struct function *function, uint32_t line, uint64_t offset);

/* Appends a cell, a place or any other text, in at most so many columns (0: in
 * all it takes), safe for a terminal; returns the columns used.  What does not
 * fit loses the file's directory, then the arguments of templates and functions,
 * then the middle of the name. */
unsigned report_place_append(GString *out, const char *cell, unsigned columns);

#endif
