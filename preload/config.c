/* SPDX-License-Identifier: Apache-2.0
 *
 * config.c - see config.h.  Runs in the constructor, reads environ itself
 * (programs replace getenv), allocates nothing.
 */
#define _GNU_SOURCE
#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_PREFIX "LIBPROF_"

/* What a process with LIBPROF_CHILDREN=0 turns that value into, in place, so
 * that whatever it starts finds it inherited, by whichever exec. */
#define CONFIG_CHILD_MARK '-'

struct config config;

struct setting {
	const char *name;
	enum prof_setting_kind kind;
	const char *standard;
	uint64_t min, max;
	const char *choices;
	void *value;
};

#define CONFIG_SETTING(field, NAME, kind, standard, min, max, choices, help) \
	{ CONFIG_PREFIX #NAME, PROF_SETTING_##kind, standard, min, max, choices, &config.field },
static const struct setting settings[] = { PROF_SETTINGS(CONFIG_SETTING) };
#define SETTINGS (sizeof(settings) / sizeof(*settings))

/* The value of NAME=value, or NULL when entry is another variable. */
static char *value_of(char *entry, const char *name)
{
	size_t n = strlen(name);

	return strncmp(entry, name, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

static char *environ_find(char *const *env, const char *name)
{
	char *value = NULL;

	for (; env && *env && !value; env++)
		value = value_of(*env, name);
	return value;
}

/* [init] */
static void explain(const struct setting *s, const char *text, char *why, unsigned why_bytes)
{
	switch (s->kind) {
	case PROF_SETTING_CHOICE:
		snprintf(why, why_bytes, "%s=%.80s: one of %s is allowed", s->name, text,
			 s->choices);
		break;
	case PROF_SETTING_TEXT:
		snprintf(why, why_bytes, "%s=%.80s: %llu to %llu bytes are allowed", s->name, text,
			 (unsigned long long)s->min, (unsigned long long)s->max);
		break;
	default:
		snprintf(why, why_bytes, "%s=%.80s: a whole number from %llu to %llu is allowed%s",
			 s->name, text, (unsigned long long)s->min, (unsigned long long)s->max,
			 s->kind == PROF_SETTING_SIZE ? ", K, M, G or T may follow" : "");
	}
}

static int setting_read(const struct setting *s, const char *text, char *why, unsigned why_bytes)
{
	uint64_t value;

	if (!prof_setting_parse(s->kind, text, s->min, s->max, s->choices, &value)) {
		explain(s, text, why, why_bytes);
		return -EINVAL;
	}
	if (s->kind == PROF_SETTING_TEXT)
		memcpy(s->value, text, value + 1);
	else
		memcpy(s->value, &value, sizeof(value));
	return 0;
}

/* [init] True when every % of LIBPROF_OUT begins something header.c knows. */
static bool escapes_known(const char *text)
{
	while ((text = strchr(text, '%'))) {
		if (!text[1] || !strchr("epth%", text[1]))
			return false;
		text += 2;
	}
	return true;
}

static void follow_no_children(char *value)
{
	if (value && strcmp(value, "0") == 0)
		*value = CONFIG_CHILD_MARK;
}

int config_read(char *const *env, char *why, unsigned why_bytes)
{
	char *children = environ_find(env, CONFIG_PREFIX "CHILDREN");

	if (children && children[0] == CONFIG_CHILD_MARK && !children[1]) {
		config.child_of_unfollowed = true;
		return 0;
	}
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *text = environ_find(env, settings[i].name);
		int err = setting_read(&settings[i], text ? text : settings[i].standard, why,
				       why_bytes);

		if (err)
			return err;
	}
	if (!escapes_known(config.out)) {
		snprintf(why, why_bytes,
			 CONFIG_PREFIX "OUT=%.80s: %%e, %%p, %%t, %%h and %%%% are allowed",
			 config.out);
		return -EINVAL;
	}
	follow_no_children(children);
	config.stack_bytes = (config.stack_bytes + 7) & ~UINT64_C(7);
	return 0;
}

const char *config_unknown(char *const *env)
{
	size_t prefix = strlen(CONFIG_PREFIX);

	for (; env && *env; env++) {
		size_t i = 0;

		if (strncmp(*env, CONFIG_PREFIX, prefix))
			continue;
		while (i < SETTINGS && !value_of(*env, settings[i].name))
			i++;
		if (i == SETTINGS)
			return *env;
	}
	return NULL;
}

bool config_wants_program(const char *name)
{
	char globs[CONFIG_TEXT_BYTES], *glob = globs, *comma;

	memcpy(globs, config.programs, sizeof(globs));
	do {
		comma = strchr(glob, ',');
		if (comma)
			*comma = '\0';
		if (fnmatch(glob, name, 0) == 0)
			return true;
		glob = comma + 1;
	} while (comma);
	return false;
}

uint32_t config_ring_bytes(void)
{
	const uint64_t often = 128u << 10;
	bool busy_heap = config.heap_bytes < often;
	bool busy_timer = config.cpu != CONFIG_CPU_PERF && config.cpu_hz > 250;

	return busy_heap ? 16u << 20 : busy_timer ? 8u << 20 : 4u << 20;
}

static void setting_text(const struct setting *s, char *text, size_t bytes)
{
	uint64_t value = 0;
	const char *choice = s->choices;

	if (s->kind == PROF_SETTING_TEXT) {
		snprintf(text, bytes, "%s=%s", s->name, (const char *)s->value);
		return;
	}
	memcpy(&value, s->value, sizeof(value));
	if (s->kind != PROF_SETTING_CHOICE) {
		snprintf(text, bytes, "%s=%llu", s->name, (unsigned long long)value);
		return;
	}
	while (value--) /* a value is the position of a word that is there */
		choice = strchr(choice, ',') + 1;
	snprintf(text, bytes, "%s=%.*s", s->name, (int)strcspn(choice, ","), choice);
}

void config_each(void (*put)(void *arg, const char *setting), void *arg)
{
	char text[CONFIG_TEXT_BYTES + 64];

	for (size_t i = 0; i < SETTINGS; i++) {
		setting_text(&settings[i], text, sizeof(text));
		put(arg, text);
	}
}
