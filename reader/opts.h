/* SPDX-License-Identifier: Apache-2.0
 *
 * opts.h - commands and options as tables; help is printed from them and from
 * nothing else.  main.c looks a command up and calls it; a command that shows a
 * profile is one row with an exporter (out.h), any other is a function that
 * takes its own arguments.
 *
 * To add an exporter: write out_x.c with a `const struct exporter out_x`,
 * declare it in out.h, add a row to the table in main.c.
 */
#ifndef PROF_OPTS_H
#define PROF_OPTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "profile.h"

enum exit_status {
	EXIT_GOOD = 0,	  /* everything read, output written */
	EXIT_PARTIAL = 1, /* damage, but output written */
	EXIT_NOTHING = 2  /* no output */
};

struct exporter;

struct command {
	const char *name;
	const char *alias;   /* NULL: none */
	const char *args;    /* "[TRACE...]", as help shows them */
	const char *summary; /* one line, no full stop */
	/* Either: the whole command.  argv[0] is the command's name; returns
	 * the exit status. */
	int (*main)(int argc, char **argv);
	/* Or: options, loading, naming and -o are done by opts.c. */
	const struct exporter *exporter;
};

/* Which options a command takes. */
enum options_group {
	OPTIONS_SELECT = 1,  /* --metric --thread --threads --processes --from --to
			      * --focus --ignore --hide */
	OPTIONS_SYMBOLS = 2, /* --symfs --debug-dir --debuginfod */
	OPTIONS_OUTPUT = 4,  /* -o */
	OPTIONS_LINES = 8,   /* --lines */
	OPTIONS_TOP = 16     /* --top --peek */
};

/* The parsed options of one command, defaults for what it does not take. */
struct options {
	enum metric metric;    /* METRIC_DEFAULT: not given */
	char **threads_wanted; /* --thread, NULL-terminated; NULL: all */
	bool threads, processes, lines;
	uint64_t from_ns, to_ns;
	GRegex *focus, *ignore, *hide, *peek; /* NULL: not given */
	struct symbolize_options symbols;
	char *output;  /* -o; NULL: stdout */
	int top;       /* --top; 0: not given */
	char **traces; /* what remains, NULL-terminated, never NULL */
};

/* Parses argv (argv[0] the command's name) for command by the groups given; an
 * option's description for --lines may be replaced by lines_help.  -h prints
 * help and exits.  False after a message, for exit status EXIT_NOTHING. */
bool options_parse(struct options *options, int argc, char **argv, const struct command *command,
		   unsigned groups, const char *lines_help);
void options_free(struct options *options);

/* The row of a command by its name or alias; NULL: none.  In main.c. */
const struct command *command_find(const char *name);

/* Runs a command that has an exporter: parse, load, symbolize, finish, write to
 * -o by way of a temporary name or to stdout.  Returns an enum exit_status. */
int command_export(const struct command *command, int argc, char **argv);

#endif
