/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.h - the cells that the selection options leave, with all their figures
 * at once: what outputs need that show more than one metric (json, report).
 * A row of a view (select.h) has one metric only.
 */
#ifndef PROF_CELLS_H
#define PROF_CELLS_H

#include "select.h"

/* True when options leave out threads or stacks. */
bool cells_are_selected(const struct options *options);

/* The cells left, const struct cell *, ordered by process, thread and stack.
 * Free with g_ptr_array_unref(). */
GPtrArray *cells_select(const struct profile *profile, const struct options *options);

#endif
