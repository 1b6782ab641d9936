/* SPDX-License-Identifier: Apache-2.0
 *
 * report_table.c - columns and paragraphs of the report.  Whatever text comes
 * here goes out through format_safe(), and nothing else of the report prints
 * text that is not its own.
 */
#include "report_table.h"

#include <string.h>

#include "format_units.h"
#include "report_place.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_INDENT 2
#define TABLE_GAP 2	   /* between columns; 1 where a table would be too wide */
#define TABLE_NAME_MIN 8u  /* of the first column, however narrow the page */
#define TABLE_REST_MIN 20u /* of the column that gets what is left */
#define LABEL_COLUMNS 11

struct report_table {
	const struct report_column *columns;
	unsigned n;
	unsigned gap;
	GPtrArray *cells; /* char *, row by row */
};

struct report_table *report_table_new(const struct report_column *columns, unsigned n)
{
	struct report_table *table = g_new0(struct report_table, 1);

	g_assert(n <= TABLE_COLUMNS_MAX);
	table->columns = columns;
	table->n = n;
	table->cells = g_ptr_array_new_with_free_func(g_free);
	return table;
}

void report_table_cell(struct report_table *table, const char *text)
{
	g_ptr_array_add(table->cells, g_strdup(text));
}

void report_table_cellf(struct report_table *table, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(table->cells, g_strdup_vprintf(format, args));
	va_end(args);
}

/* How wide a cell is when it has room; a place's parts are always apart. */
static unsigned table_cell_width(const struct report_table *table, guint i)
{
	const struct report_column *column = &table->columns[i % table->n];
	GString *text = g_string_new("");
	unsigned width;

	if (column->max)
		width = format_safe(text, table->cells->pdata[i], column->max);
	else
		width = report_place_append(text, table->cells->pdata[i], 0);
	g_string_free(text, TRUE);
	return width;
}

/* The widest cell or title of each column; the column without a limit gets at
 * most what the others leave.  Where that is too much, gaps go first, then the
 * end of the names in the first column. */
static void table_measure(struct report_table *table, unsigned columns, unsigned *widths)
{
	unsigned used = TABLE_INDENT, over;

	for (unsigned i = 0; i < table->n; i++)
		widths[i] = (unsigned)strlen(table->columns[i].title);
	for (guint i = 0; i < table->cells->len; i++)
		widths[i % table->n] = MAX(widths[i % table->n], table_cell_width(table, i));
	for (unsigned i = 0; i < table->n; i++)
		used += table->columns[i].max ? widths[i] : 0;
	table->gap = used + TABLE_GAP * (table->n - 1) > columns ? 1 : TABLE_GAP;
	used += table->gap * (table->n - 1);
	over = used > columns ? used - columns : 0;
	if (table->columns[0].left && table->columns[0].max && widths[0] > TABLE_NAME_MIN)
		widths[0] -= MIN(over, widths[0] - TABLE_NAME_MIN);
	for (unsigned i = 0; i < table->n; i++) {
		if (!table->columns[i].max)
			widths[i] =
				MIN(widths[i], used + TABLE_REST_MIN < columns ? columns - used
									       : TABLE_REST_MIN);
	}
}

/* Appends one cell to line, padded unless it ends the line. */
static void table_append(const struct report_table *table, const unsigned *widths, unsigned column,
			 const char *cell, GString *line)
{
	GString *text = g_string_new("");
	unsigned width = table->columns[column].max
				 ? format_safe(text, cell, widths[column])
				 : report_place_append(text, cell, widths[column]);
	unsigned padding = widths[column] - MIN(width, widths[column]);

	g_string_append_printf(line, "%*s", column ? (int)table->gap : TABLE_INDENT, "");
	if (!table->columns[column].left)
		g_string_append_printf(line, "%*s", (int)padding, "");
	g_string_append(line, text->str);
	if (table->columns[column].left && column + 1 < table->n)
		g_string_append_printf(line, "%*s", (int)padding, "");
	g_string_free(text, TRUE);
}

void report_table_print(struct report_table *table, const struct report_page *page)
{
	unsigned widths[TABLE_COLUMNS_MAX];
	GString *line = g_string_new("");

	table_measure(table, page->columns, widths);
	for (unsigned i = 0; i < table->n; i++)
		table_append(table, widths, i, table->columns[i].title, line);
	fprintf(page->out, "%s\n", line->str);
	for (guint i = 0; i < table->cells->len; i += table->n) {
		g_string_truncate(line, 0);
		for (unsigned j = 0; j < table->n && i + j < table->cells->len; j++)
			table_append(table, widths, j, table->cells->pdata[i + j], line);
		fprintf(page->out, "%s\n", line->str);
	}
	g_string_free(line, TRUE);
	g_ptr_array_unref(table->cells);
	g_free(table);
}

/* A number and its unit are one word. */
static bool label_is_unit(const char *before, const char *word)
{
	size_t n = strlen(before);

	return n && g_ascii_isdigit(before[n - 1]) && strcspn(word, " ;,.:)") <= 3 &&
	       g_ascii_isalpha(*word);
}

void report_labelled(const struct report_page *page, const char *label, const char *text)
{
	GString *safe = g_string_new("");
	char **words;
	unsigned at = LABEL_COLUMNS;

	format_safe(safe, text, 0);
	words = g_strsplit(safe->str, " ", -1);
	fprintf(page->out, "%-*s", LABEL_COLUMNS, label);
	for (char **word = words; *word; word++) {
		unsigned width = (unsigned)g_utf8_strlen(*word, -1);
		unsigned with_unit = width;

		if (word[1] && label_is_unit(word[0], word[1]))
			with_unit += 1 + (unsigned)strlen(word[1]);
		if (at > LABEL_COLUMNS && at + 1 + with_unit > page->columns) {
			fprintf(page->out, "\n%*s", LABEL_COLUMNS, "");
			at = LABEL_COLUMNS;
		}
		fprintf(page->out, "%s%s", at > LABEL_COLUMNS ? " " : "", *word);
		at += width + (at > LABEL_COLUMNS);
	}
	fputc('\n', page->out);
	g_strfreev(words);
	g_string_free(safe, TRUE);
}
