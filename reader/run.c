/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - see run.h.  The order matters: everything that can be found wrong is
 * found before anything is made or started.
 */
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "opts_help.h"

struct run_options {
	char *dir; /* -o as given; NULL: not given */
	gboolean help;
	bool help_failed;
};

static GOptionContext *options_context(struct run_options *options, GOptionEntry *settings)
{
	const GOptionEntry own[] = { { "output", 'o', 0, G_OPTION_ARG_FILENAME, &options->dir,
				       "one directory for the traces of all processes", "DIR" },
				     { "help", 'h', 0, G_OPTION_ARG_NONE, &options->help,
				       "this help", NULL },
				     { NULL, 0, 0, 0, NULL, NULL, NULL } };
	GOptionContext *context = g_option_context_new("PROGRAM [ARGUMENT...]");

	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_strict_posix(context, TRUE);
	g_option_context_set_summary(
		context, "Runs PROGRAM with the profiler in it and says where its trace is.\n"
			 "Each option but -o is also a variable of the environment: --cpu-hz is\n"
			 "LIBPROF_CPU_HZ.");
	g_option_context_set_description(
		context,
		"Exit status: the program's, 128+N when signal N ended it; 125: prof failed or\n"
		"cannot profile this program (which was not run), 126: not runnable, 127: not found.");
	g_option_context_add_main_entries(context, own, NULL);
	g_option_context_add_main_entries(context, settings, NULL);
	return context;
}

/* Leaves the program and its arguments in argv[1] and on, and returns how many
 * they are; -1 after a message. */
static int options_read(struct run_options *options, int argc, char **argv)
{
	GOptionEntry *settings = run_settings_options();
	GOptionContext *context = options_context(options, settings);
	GError *error = NULL;

	g_set_prgname("prof run");
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		err_say("run: %s; see: prof help run", error->message);
		g_error_free(error);
		argc = 0;
	} else if (options->help) {
		options->help_failed = opts_help_print(context) != 0;
	} else if (argc > 1 && !strcmp(argv[1], "--")) {
		memmove(argv + 1, argv + 2, sizeof(*argv) * (size_t)(argc - 1));
		argc--;
	}
	g_option_context_free(context);
	g_free(settings);
	return argc - 1;
}

/* Makes dir when it is not there, puts the traces into it, and returns its
 * absolute path; NULL after a message. */
static char *directory_use(const char *dir, char ***env)
{
	char *path = NULL, *name = err_safe(dir);
	GString *pattern;

	if (g_mkdir_with_parents(dir, 0700) || !(path = realpath(dir, NULL)))
		err_say("%s: cannot be made: %s", name, strerror(errno));
	else if (access(path, W_OK | X_OK)) {
		err_say("%s: cannot be written to: %s", name, strerror(errno));
		free(path);
		path = NULL;
	}
	g_free(name);
	if (!path)
		return NULL;
	pattern = g_string_new(path);
	g_string_replace(pattern, "%", "%%", 0);
	g_string_append(pattern, "/%e-%p");
	*env = g_environ_setenv(*env, "LIBPROF_OUT", pattern->str, TRUE);
	g_string_free(pattern, TRUE);
	return path;
}

/* Everything after the checks. */
static int launch(const struct run_options *options, const char *path, char **argv, char **env)
{
	char *dir = NULL, *pattern;
	GHashTable *before;
	pid_t pid = 0;
	int status = RUN_FAILED;

	if (options->dir && !(dir = directory_use(options->dir, &env))) {
		g_strfreev(env);
		return status;
	}
	pattern = g_strdup(run_settings_get(env, "out"));
	before = run_traces_list(pattern);
	status = run_child(path, argv, env, &pid);
	if (pid)
		run_traces_tell(before, pattern, run_settings_get(env, "programs"), dir, pid);
	g_hash_table_unref(before);
	g_free(pattern);
	g_strfreev(env);
	free(dir);
	return status;
}

int run_main(int argc, char **argv)
{
	struct run_options options = { 0 };
	char *path, *library = NULL, **env;
	int status = RUN_FAILED, words = options_read(&options, argc, argv);

	if (options.help)
		return options.help_failed ? RUN_FAILED : 0;
	if (words < 0)
		return status;
	if (words == 0) {
		err_say("run: which program? See: prof help run");
		return status;
	}
	if (options.dir && run_settings_given("out")) {
		err_say("run: -o and --out both say where: give one of them");
		g_free(options.dir);
		return status;
	}
	env = run_settings_apply(g_get_environ());
	if (!env)
		goto out;
	path = run_check_find(argv[1], &status);
	if (path && (status = run_check_program(path)) == 0) {
		status = RUN_FAILED;
		library = run_env_library();
		env = library ? run_env_preload(env, library) : env;
		if (library && env) {
			status = launch(&options, path, argv + 1, env);
			env = NULL;
		}
	}
	g_free(path);
	g_free(library);
	g_strfreev(env);
out:
	g_free(options.dir);
	return status;
}
