/* SPDX-License-Identifier: Apache-2.0
 *
 * run_env.c - the environment that loads the library; see run.h.
 */
#include "run.h"

#include <string.h>
#include <unistd.h>

#include "../include/prof_settings.h"
#include "err.h"

/* Where distributions keep libjemalloc.so.2. */
#define JEMALLOC "libjemalloc.so.2"
static const char *const jemalloc_dirs[] = { "/usr/lib/x86_64-linux-gnu",
					     "/lib/x86_64-linux-gnu",
					     "/usr/lib64",
					     "/lib64",
					     "/usr/lib",
					     "/usr/local/lib" };
#define JEMALLOC_LG_SAMPLE_MIN 12 /* below that 5.3.0's hook misses samples */

char *run_env_library(void)
{
	char *self = g_file_read_link("/proc/self/exe", NULL);
	char *dir = self ? g_path_get_dirname(self) : g_strdup("/");
	char *place[3] = { g_build_filename(dir, "libprof.so", NULL),
			   g_build_filename(dir, "..", "lib", "libprof.so", NULL),
			   g_strdup(INSTALL_LIBRARY) };
	char *library = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(place); i++) {
		if (!library && access(place[i], R_OK) == 0)
			library = g_canonicalize_filename(place[i], NULL);
	}
	if (!library)
		err_say("libprof.so is not there: looked at %s, %s, %s", place[0], place[1],
			place[2]);
	else if (strpbrk(library, " :$\n")) {
		/* LD_PRELOAD has no way to write these. */
		err_say("%s: LD_PRELOAD cannot name a path with a space, a colon or a dollar sign; "
			"move it",
			library);
		g_clear_pointer(&library, g_free);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(place); i++)
		g_free(place[i]);
	g_free(dir);
	g_free(self);
	return library;
}

static char *jemalloc_find(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(jemalloc_dirs); i++) {
		char *path = g_build_filename(jemalloc_dirs[i], JEMALLOC, NULL);

		if (access(path, R_OK) == 0)
			return path;
		g_free(path);
	}
	return NULL;
}

/* MALLOC_CONF with jemalloc's profiling on, at the power of two next to the
 * mean asked for.  Later words win, so ours come last. */
static char **jemalloc_configure(char **env)
{
	const char *old = g_environ_getenv(env, "MALLOC_CONF");
	uint64_t mean = 0;
	unsigned lg = JEMALLOC_LG_SAMPLE_MIN;
	char *conf;

	prof_setting_parse(PROF_SETTING_SIZE, run_settings_get(env, "heap_bytes"), 0, UINT64_MAX,
			   "", &mean);
	while (lg < 63 && (UINT64_C(3) << lg) / 2 < mean)
		lg++;
	conf = g_strdup_printf("%s%sprof:true,prof_active:true,lg_prof_sample:%u", old ? old : "",
			       old && *old ? "," : "", lg);
	env = g_environ_setenv(env, "MALLOC_CONF", conf, TRUE);
	g_free(conf);
	return env;
}

/* What LD_PRELOAD had, without any libprof.so: two of them would not share. */
static void append_others(GString *preload, const char *old)
{
	char **words = g_strsplit_set(old, ": ", -1);

	for (char **w = words; *w; w++) {
		const char *name = strrchr(*w, '/');

		if (**w && strcmp(name ? name + 1 : *w, "libprof.so"))
			g_string_append_printf(preload, ":%s", *w);
	}
	g_strfreev(words);
}

char **run_env_preload(char **env, const char *library)
{
	const char *old = g_environ_getenv(env, "LD_PRELOAD");
	GString *preload = g_string_new(library);

	if (!strcmp(run_settings_get(env, "heap"), "jemalloc")) {
		char *jemalloc = jemalloc_find();

		if (!jemalloc) {
			err_say("--heap jemalloc: no " JEMALLOC " here; on Debian: "
				"apt-get install libjemalloc2");
			g_string_free(preload, TRUE);
			g_strfreev(env);
			return NULL;
		}
		g_string_append_printf(preload, ":%s", jemalloc);
		g_free(jemalloc);
		env = jemalloc_configure(env);
		old = g_environ_getenv(env, "LD_PRELOAD");
	}
	if (old)
		append_others(preload, old);
	env = g_environ_setenv(env, "LD_PRELOAD", preload->str, TRUE);
	g_string_free(preload, TRUE);
	return env;
}
