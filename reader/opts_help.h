/* SPDX-License-Identifier: Apache-2.0
 *
 * opts_help.h - prints the help of a command, 80 columns wide.  Called by
 * opts.c and run.c, which have the tables.
 */
#ifndef PROF_OPTS_HELP_H
#define PROF_OPTS_HELP_H

#include <glib.h>

/* Prints what GLib makes of the context to stdout.  Returns EXIT_GOOD, or
 * EXIT_NOTHING after a message. */
int opts_help_print(GOptionContext *context);

/* What was printed has to have arrived: the same results. */
int opts_help_end(void);

#endif
