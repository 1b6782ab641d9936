/* SPDX-License-Identifier: Apache-2.0
 *
 * config.h - the LIBPROF_ settings of the environment, parsed once by the
 * constructor and constant from then on.
 */
#ifndef PROF_CONFIG_H
#define PROF_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_TEXT_BYTES 4096

enum config_cpu { CONFIG_CPU_AUTO, CONFIG_CPU_PERF, CONFIG_CPU_TIMER, CONFIG_CPU_OFF };
enum config_heap {
	CONFIG_HEAP_AUTO, CONFIG_HEAP_PROGRAM, CONFIG_HEAP_JEMALLOC, CONFIG_HEAP_TOTALS, CONFIG_HEAP_OFF
};

struct config {
	char out[CONFIG_TEXT_BYTES]; /* LIBPROF_OUT as given, % not yet expanded */
	uint64_t cpu;                /* enum config_cpu */
	uint64_t cpu_hz;
	uint64_t stack_bytes;        /* rounded up to a multiple of 8, as perf wants it */
	uint64_t heap;               /* enum config_heap */
	uint64_t heap_bytes;
	uint64_t seed;
	uint64_t delay_ms, duration_ms;
	uint64_t flush_ms;
	uint64_t segment_bytes;
	uint64_t limit_bytes;        /* 0 = none */
	uint64_t children;           /* 0 or 1 */
	char programs[CONFIG_TEXT_BYTES];
	uint64_t verbose;
};

extern struct config config;

/* [init] Reads LIBPROF_ variables from environ into config.  0, or -EINVAL
 * and in why (of why_bytes) a sentence that names the variable, the value and
 * what is allowed. */
int config_read(char *const *environ_at_start, char *why, unsigned why_bytes);

/* [init] True when name (the last component of AT_EXECFN) matches one of the
 * comma-separated globs of LIBPROF_PROGRAMS. */
bool config_wants_program(const char *name);

/* [writer] Calls put("NAME=value") for each setting in force. */
void config_each(void (*put)(void *arg, const char *setting), void *arg);

#endif
