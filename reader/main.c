/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - prof: finds the command in the table and calls it.  Help and version
 * are here; everything else is the command's.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "opts.h"
#include "opts_help.h"
#include "out.h"
#include "prof_format.h"

static int help_main(int argc, char **argv);

static const struct command commands[] = {
	{ "run", "record", "[OPTIONS] PROGRAM [ARGS...]", "run a program and profile it", run_main,
	  NULL },
	{ "report", NULL, "[TRACE...]", "a summary to read", NULL, &out_report },
	{ "folded", NULL, "[TRACE...]", "folded stacks, frame;frame;frame count", NULL,
	  &out_folded },
	{ "json", NULL, "[TRACE...]", "everything as one JSON document", NULL, &out_json },
	{ "dump", NULL, "[TRACE...]", "every record with its offset", dump_main, NULL },
	{ "check", NULL, "[TRACE...]", "verify a trace", check_main, NULL },
	{ "help", NULL, "[COMMAND]", "what there is, or the options of a command", help_main,
	  NULL },
};

const struct command *command_find(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(commands[i].name, name) ||
		    (commands[i].alias && !strcmp(commands[i].alias, name)))
			return &commands[i];
	return NULL;
}

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: prof COMMAND [OPTIONS] [TRACE...]\n\n");
	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(out, "  %-8s %s%s%s\n", commands[i].name, commands[i].summary,
			commands[i].alias ? "; also: " : "",
			commands[i].alias ? commands[i].alias : "");
	fprintf(out,
		"\n"
		"TRACE is a trace directory, a directory of traces (a process tree; looked into\n"
		"two levels deep) or a segment; without one, the newest trace here.\n"
		"`prof help COMMAND` lists a command's options, `prof --version` says which prof\n"
		"this is.  Exit status: 0 good, 1 damaged input but output written, 2 no output.\n");
}

static int command_unknown(const char *name)
{
	char *safe = err_safe(name);

	err_say("%s: no such command; `prof help` lists them", safe);
	g_free(safe);
	return EXIT_NOTHING;
}

static int command_run(const struct command *command, int argc, char **argv)
{
	return command->main ? command->main(argc, argv) : command_export(command, argc, argv);
}

static int help_main(int argc, char **argv)
{
	char help_option[] = "--help";
	const struct command *command;
	char *args[3];

	if (argc < 2 || argv[1][0] == '-') {
		print_usage(stdout);
		return opts_help_end();
	}
	command = command_find(argv[1]);
	if (!command)
		return command_unknown(argv[1]);
	if (command->main == help_main) {
		print_usage(stdout);
		return opts_help_end();
	}
	args[0] = argv[1];
	args[1] = help_option;
	args[2] = NULL;
	return command_run(command, 2, args);
}

int main(int argc, char **argv)
{
	const struct command *command;

	/* For names of files on the terminal.  Numbers stay as C writes them. */
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_NOTHING;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("prof %s\n", PROF_VERSION);
		return opts_help_end();
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		print_usage(stdout);
		return opts_help_end();
	}
	command = command_find(argv[1]);
	return command ? command_run(command, argc - 1, argv + 1) : command_unknown(argv[1]);
}
