/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h - `prof run`: launches a program with the library preloaded.  run.c
 * reads options and tells the steps; each step is a file: run_settings.c (the
 * options that are LIBPROF_ settings), run_check.c (can this program be
 * profiled?), run_env.c (its environment), run_child.c (start, signals, end),
 * run_traces.c (which traces came of it).  All on prof's only thread.
 */
#ifndef PROF_RUN_H
#define PROF_RUN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Exit statuses of prof run itself, as env(1) and its kin have them. */
enum run_status {
	RUN_FAILED = 125,	/* prof's own failure, or a program it cannot profile */
	RUN_NOT_RUNNABLE = 126, /* found, but it cannot be run */
	RUN_NOT_FOUND = 127
};

/* argv[0] is the command's name.  Returns the exit status: the program's, 128+n
 * for its death by signal n, or an enum run_status. */
int run_main(int argc, char **argv);

/* ---- run_settings.c ---- */

/* One GOptionEntry for each setting of prof_settings.h, and an empty one at
 * the end.  What is given on the command line is kept inside run_settings.c. */
GOptionEntry *run_settings_options(void);

/* Checks the options given and the LIBPROF_ variables of env, and puts the
 * options into env (taken over; the new environment is returned).  NULL, and env freed,
 * after a message when a value is not allowed. */
char **run_settings_apply(char **env);

/* Whether the option of a field was on the command line. */
bool run_settings_given(const char *field);

/* The value in force: from env, else the default.  field is the setting's
 * field in the table, which is known to exist. */
const char *run_settings_get(char **env, const char *field);

/* ---- run_check.c ---- */

/* Finds name as execvp(3) would and returns its path, free with g_free().
 * NULL after a message, with *status set. */
char *run_check_find(const char *name, int *status);

/* Whether the file at path, or the interpreter it names, can be profiled: 0, or
 * an enum run_status after a message that says why not. */
int run_check_program(const char *path);

/* ---- run_env.c ---- */

/* The path of libprof.so: beside prof, in ../lib, or where it was installed;
 * free with g_free().  NULL after a message. */
char *run_env_library(void);

/* Adds to env (taken over; the new one is returned) what loads library and,
 * for heap engine jemalloc, that allocator with its profiling on.  NULL, and
 * env freed, after a message when that cannot be. */
char **run_env_preload(char **env, const char *library);

/* ---- run_child.c ---- */

/* Runs path in prof's own process group, passes signals on, and waits for its
 * end.  Returns the exit status as run_main() does; *pid is 0 when the program
 * did not start. */
int run_child(const char *path, char **argv, char **env, pid_t *pid);

/* ---- run_traces.c ---- */

/* The trace directories that LIBPROF_OUT=pattern can have made so far: a set of
 * paths, free with g_hash_table_unref(). */
GHashTable *run_traces_list(const char *pattern);

/* Prints the one closing line about the traces that are there now and were not
 * before.  programs is the value of LIBPROF_PROGRAMS, a reason for none.  dir is -o, or NULL: then only the traces of process pid and of
 * those that descend from it are counted. */
void run_traces_tell(GHashTable *before, const char *pattern, const char *programs, const char *dir,
		     pid_t pid);

#endif
