/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - the LIBPROF_ settings of the environment, parsed once by the
 * constructor and constant from then on.
 */
#ifndef PROF_CONFIG_H
#define PROF_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "../include/prof_settings.h"

#define CONFIG_TEXT_BYTES 4096

enum config_cpu { CONFIG_CPU_AUTO, CONFIG_CPU_PERF, CONFIG_CPU_TIMER, CONFIG_CPU_OFF };
enum config_heap {
	CONFIG_HEAP_AUTO,
	CONFIG_HEAP_PROGRAM,
	CONFIG_HEAP_JEMALLOC,
	CONFIG_HEAP_TOTALS,
	CONFIG_HEAP_OFF
};

/* One member per setting of prof_settings.h, named as there: numbers, sizes
 * and choices (the enums above) as uint64_t, texts as they were given. */
#define CONFIG_NUMBER_TEXT(field)
#define CONFIG_NUMBER_NUMBER(field) uint64_t field;
#define CONFIG_NUMBER_SIZE(field) uint64_t field;
#define CONFIG_NUMBER_CHOICE(field) uint64_t field;
#define CONFIG_NUMBER(field, NAME, kind, ...) CONFIG_NUMBER_##kind(field)
#define CONFIG_TEXT_TEXT(field) char field[CONFIG_TEXT_BYTES];
#define CONFIG_TEXT_NUMBER(field)
#define CONFIG_TEXT_SIZE(field)
#define CONFIG_TEXT_CHOICE(field)
#define CONFIG_TEXT(field, NAME, kind, ...) CONFIG_TEXT_##kind(field)
struct config {
	PROF_SETTINGS(CONFIG_NUMBER)
	bool child_of_unfollowed; /* LIBPROF_CHILDREN=0 was seen by our parent: stay inert */
	PROF_SETTINGS(CONFIG_TEXT)
};

extern struct config config;

/* [init] Reads LIBPROF_ variables from environ into config.  0, or -EINVAL
 * and in why (of why_bytes) a sentence that names the variable, the value and
 * what is allowed. */
int config_read(char *const *env, char *why, unsigned why_bytes);

/* [init] A LIBPROF_ variable of env that is no setting (misspelt), or NULL. */
const char *config_unknown(char *const *env);

/* [init] True when name (the last component of AT_EXECFN) matches one of the
 * comma-separated globs of LIBPROF_PROGRAMS. */
bool config_wants_program(const char *name);

/* Bytes of the event ring: enough for what the settings may put into it between
 * two looks of the writer. */
uint32_t config_ring_bytes(void);

/* [writer] Calls put("NAME=value") for each setting in force. */
void config_each(void (*put)(void *arg, const char *setting), void *arg);

#endif
