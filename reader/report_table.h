/* SPDX-License-Identifier: Apache-2.0
 *
 * report_table.h - columns of text for a terminal: cells are collected, then
 * printed as wide as the widest of each column.  Cells hold raw text; what a
 * terminal would obey is made visible when they are printed.
 */
#ifndef PROF_REPORT_TABLE_H
#define PROF_REPORT_TABLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

/* Where the report goes and how wide it may be. */
struct report_page {
	FILE *out;
	unsigned columns;
};

struct report_column {
	const char *title;
	unsigned max; /* columns a cell may take, longer ones are cut; 0: what is left */
	bool left;    /* text, not numbers */
};

struct report_table;

/* columns must outlive the table; at most 16. */
struct report_table *report_table_new(const struct report_column *columns, unsigned n);
/* Adds the next cell, row by row.  Prints nothing.  A cell of the column that
 * gets what is left may be a place (report_place.h). */
void report_table_cell(struct report_table *table, const char *text);
/* A cell of formatted text. */
void report_table_cellf(struct report_table *table, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Prints titles and rows, and frees the table. */
void report_table_print(struct report_table *table, const struct report_page *page);

/* Prints text after a label, wrapped at spaces; a label of "" continues the one
 * before.  text may be any bytes. */
void report_labelled(const struct report_page *page, const char *label, const char *text);

#endif
