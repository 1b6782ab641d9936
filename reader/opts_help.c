/* SPDX-License-Identifier: Apache-2.0
 *
 * opts_help.c - GLib lays out help without regard to width: here the
 * descriptions are wrapped in their column.
 */
#include "opts_help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "opts.h"

#define HELP_COLUMNS 80u

/* Where an option's description begins; 0: this line has none. */
static size_t help_column(const char *line)
{
	const char *gap = strncmp(line, "  -", 3) ? NULL : strstr(line + 3, "  ");

	return gap ? (size_t)(gap - line) + strspn(gap, " ") : 0;
}

static void help_wrap(const char *line)
{
	size_t column = help_column(line), at = 0, width;
	char **words;

	if (strlen(line) <= HELP_COLUMNS || !column) {
		puts(line);
		return;
	}
	words = g_strsplit(line + column, " ", -1);
	printf("%.*s", (int)column, line);
	for (char **word = words; *word; word++) {
		width = strlen(*word);
		if (at && column + at + 1 + width > HELP_COLUMNS) {
			printf("\n%*s", (int)column, "");
			at = 0;
		}
		printf("%s%s", at ? " " : "", *word);
		at += width + (at > 0);
	}
	putchar('\n');
	g_strfreev(words);
}

int opts_help_end(void)
{
	if (!fflush(stdout))
		return EXIT_GOOD;
	err_say("standard output: %s", g_strerror(errno));
	return EXIT_NOTHING;
}

int opts_help_print(GOptionContext *context)
{
	char *text = g_option_context_get_help(context, TRUE, NULL);
	char **lines = g_strsplit(g_strchomp(text), "\n", -1);

	for (char **line = lines; *line; line++)
		help_wrap(*line);
	g_strfreev(lines);
	g_free(text);
	return opts_help_end();
}
