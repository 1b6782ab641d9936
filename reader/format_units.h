/* SPDX-License-Identifier: Apache-2.0
 *
 * format_units.h - numbers and names for people: sizes, times, shares, and
 * text made safe for a terminal.  Called by the report and by whoever prints
 * to a person; pure functions, no state.  Numbers go to a buffer of the
 * caller's, FORMAT_ROOM bytes, which is also what is returned.
 */
#ifndef PROF_FORMAT_UNITS_H
#define PROF_FORMAT_UNITS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define FORMAT_ROOM 32

/* "512 B", "1.5 KiB", "23.4 MiB": powers of 1024, at most 8 columns. */
char *format_bytes(char *buf, double bytes);

/* "850 ns", "12.3 ms", "4.56 s", "3723 s", "27.8 h": at most 7 columns. */
char *format_ns(char *buf, double ns);

/* "0", "999999", "1.23 M", "45.6 G": at most 7 columns. */
char *format_count(char *buf, double count);

/* "12.3%", "100%", "<0.1%"; "-" when whole is 0. */
char *format_share(char *buf, double part, double whole);

/* True for what a terminal would obey or a reader be deceived by, rather than
 * shown: controls (C0, DEL, C1), line and paragraph separators, marks that
 * change the direction of text.  All of them are below U+10000. */
bool format_is_unsafe(gunichar c);

/* Appends text (any bytes) to out so that every byte can go to a terminal:
 * unsafe characters and bytes that are no UTF-8 appear as \x1b.  When columns
 * is not 0, at most that many columns are used and a cut is shown by "...";
 * returns the columns used. */
unsigned format_safe(GString *out, const char *text, unsigned columns);

#endif
