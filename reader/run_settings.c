/* SPDX-License-Identifier: Apache-2.0
 *
 * run_settings.c - the LIBPROF_ settings as options of `prof run`; see run.h.
 * All of it comes from the table in prof_settings.h.
 */
#include "run.h"

#include <string.h>

#include "../include/prof_settings.h"
#include "err.h"

struct setting {
	const char *field, *variable;
	enum prof_setting_kind kind;
	const char *standard;
	uint64_t min, max;
	const char *choices, *help;
};

#define SETTING(field, NAME, kind, standard, min, max, choices, help) \
	{ #field, "LIBPROF_" #NAME, PROF_SETTING_##kind, standard, min, max, choices, help },
static const struct setting settings[] = { PROF_SETTINGS(SETTING) };
#define SETTINGS G_N_ELEMENTS(settings)

/* By index in settings: what the command line gave, else NULL. */
static char *given[SETTINGS];

/* "--cpu-hz" without its dashes; never freed, options point to it. */
static const char *option_name(const struct setting *s)
{
	return g_strdelimit(g_strdup(s->field), "_", '-');
}

GOptionEntry *run_settings_options(void)
{
	static const char *const argument[] = { "TEXT", "N", "SIZE", NULL };
	GOptionEntry *entries = g_new0(GOptionEntry, SETTINGS + 1);

	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];

		entries[i].long_name = option_name(s);
		entries[i].arg = G_OPTION_ARG_FILENAME; /* any bytes, not only UTF-8 */
		entries[i].arg_data = &given[i];
		entries[i].description = g_strdup_printf("%s (%s)", s->help, s->standard);
		entries[i].arg_description = s->kind == PROF_SETTING_CHOICE
						     ? g_strdelimit(g_strdup(s->choices), ",", '|')
						     : argument[s->kind];
	}
	return entries;
}

/* Appends a bound as people write it: 1024 is 1K, 65528 is 65528. */
static void append_bound(GString *out, enum prof_setting_kind kind, uint64_t v)
{
	static const char suffix[] = "\0KMGT";
	int n = 0;

	while (kind == PROF_SETTING_SIZE && v && v % 1024 == 0 && n < 4) {
		v /= 1024;
		n++;
	}
	g_string_append_printf(out, "%" G_GUINT64_FORMAT, v);
	if (n)
		g_string_append_c(out, suffix[n]);
}

/* Says what is wrong with value, which came from where. */
static void explain(const struct setting *s, const char *where, const char *value)
{
	GString *allowed = g_string_new(NULL);
	char *safe = err_safe(value);

	if (s->kind == PROF_SETTING_CHOICE) {
		g_string_append_printf(allowed, "one of %s", s->choices);
	} else {
		append_bound(allowed, s->kind, s->min);
		g_string_append(allowed, " to ");
		append_bound(allowed, s->kind, s->max);
		if (s->kind == PROF_SETTING_TEXT)
			g_string_append(allowed, " characters");
		else if (s->kind == PROF_SETTING_SIZE)
			g_string_append(allowed, ", with K, M, G or T");
	}
	err_say("%s%s: allowed is %s", where, safe, allowed->str);
	g_free(safe);
	g_string_free(allowed, TRUE);
}

static bool setting_is_good(const struct setting *s, const char *where, const char *value)
{
	uint64_t ignored;

	if (prof_setting_parse(s->kind, value, s->min, s->max, s->choices, &ignored))
		return true;
	explain(s, where, value);
	return false;
}

/* Applies the option or checks the variable of one setting; false after a
 * message. */
static bool apply_one(char ***env, size_t i)
{
	const struct setting *s = &settings[i];
	const char *value = given[i] ? given[i] : g_environ_getenv(*env, s->variable);
	char *where;
	bool good;

	if (!value)
		return true;
	/* Below a program that profiles no children the library has marked the
	 * variable; whoever types `prof run` there wants this one profiled. */
	if (!given[i] && !strcmp(s->field, "children") && !strcmp(value, "-"))
		value = "0";
	where = given[i] ? g_strdup_printf("--%s ", option_name(s))
			 : g_strdup_printf("%s=", s->variable);
	good = setting_is_good(s, where, value);
	g_free(where);
	if (good) {
		char *copy = g_strdup(value);

		*env = g_environ_setenv(*env, s->variable, copy, TRUE);
		g_free(copy);
	}
	return good;
}

char **run_settings_apply(char **env)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		if (!apply_one(&env, i)) {
			g_strfreev(env);
			return NULL;
		}
	}
	return env;
}

bool run_settings_given(const char *field)
{
	size_t i = 0;

	while (strcmp(settings[i].field, field))
		i++;
	return given[i] != NULL;
}

const char *run_settings_get(char **env, const char *field)
{
	const struct setting *s = settings;
	const char *value;

	while (strcmp(s->field, field))
		s++;
	value = g_environ_getenv(env, s->variable);
	return value ? value : s->standard;
}
