/* SPDX-License-Identifier: Apache-2.0
 *
 * prof_settings.h - the LIBPROF_ settings as one table, and the one way their
 * values are read.  The preload library takes them from the environment, `prof
 * run` offers each as an option (LIBPROF_CPU_HZ is --cpu-hz) and checks it
 * before anything is started; README and `prof help run` are held against this
 * table by a test.  Header only: no allocation, no libc, no state.
 */
#ifndef PROF_SETTINGS_H
#define PROF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum prof_setting_kind {
	PROF_SETTING_TEXT,   /* any bytes; min and max bound the length */
	PROF_SETTING_NUMBER, /* decimal */
	PROF_SETTING_SIZE,   /* decimal, then nothing or one of K M G T (powers of 1024) */
	PROF_SETTING_CHOICE  /* one word of choices; its value is its position, from 0 */
};

#define PROF_SETTING_MS_MAX UINT64_C(1000000000000) /* 31 years: as ns it still fits 64 bits */

/* X(field, NAME, kind, default, min, max, choices, help): the variable is
 * LIBPROF_NAME, the option is NAME in lower case with dashes.  Order is the
 * order of presentation. */
#define PROF_SETTINGS(X)                                                                          \
	X(out, OUT, TEXT, "prof-%e-%p", 1, 4095, "",                                              \
	  "trace directory; %e program, %p pid, %t UTC start time, %h host, %% a percent sign")   \
	X(cpu, CPU, CHOICE, "auto", 0, 3, "auto,perf,timer,off", "CPU engine")                    \
	X(cpu_hz, CPU_HZ, NUMBER, "94", 1, 10000, "", "samples per second of CPU time")           \
	X(stack_bytes, STACK_BYTES, SIZE, "16384", 1024, 65528, "",                               \
	  "user stack copied per capture")                                                        \
	X(heap, HEAP, CHOICE, "auto", 0, 4, "auto,program,jemalloc,totals,off",                   \
	  "heap engine: in front of the program's allocator, jemalloc's own, exact totals only")  \
	X(heap_bytes, HEAP_BYTES, SIZE, "512K", 1, UINT64_C(1) << 40, "",                         \
	  "mean bytes between samples; 1 records every allocation")                               \
	X(heap_hz, HEAP_HZ, NUMBER, "8192", 0, 1000000000, "",                                    \
	  "heap samples per second at most: the distance doubles where more come; 0 is no limit") \
	X(seed, SEED, NUMBER, "0", 0, UINT64_MAX, "", "seed of the sampling; 0 is random")        \
	X(delay_ms, DELAY_MS, NUMBER, "0", 0, PROF_SETTING_MS_MAX, "",                            \
	  "start this many milliseconds later")                                                   \
	X(duration_ms, DURATION_MS, NUMBER, "0", 0, PROF_SETTING_MS_MAX, "",                      \
	  "stop after this many milliseconds; 0 is at the end")                                   \
	X(flush_ms, FLUSH_MS, NUMBER, "200", 10, 60000, "", "time between flushes to the file")   \
	X(segment_bytes, SEGMENT_BYTES, SIZE, "16M", 65536, UINT64_C(1) << 30, "",                \
	  "a new segment past this size")                                                         \
	X(limit_bytes, LIMIT_BYTES, SIZE, "1G", 0, UINT64_C(1) << 50, "",                         \
	  "total on disk of one process, the oldest segments go; 0 is no limit")                  \
	X(children, CHILDREN, NUMBER, "1", 0, 1, "", "profile forked and exec'd children")        \
	X(programs, PROGRAMS, TEXT, "*", 1, 4095, "",                                             \
	  "profile only programs whose name matches one of these comma-separated globs")          \
	X(verbose, VERBOSE, NUMBER, "0", 0, 2, "",                                                \
	  "0: say only what cannot be recorded or written, 1: start and end, 2: why something is off")

/* Position of the word text in the comma-separated list choices, or -1. */
static inline int prof_setting_choice(const char *text, const char *choices)
{
	int position = 0;

	while (*choices) {
		const char *t = text;

		while (*t && *t != ',' && *t == *choices) {
			t++;
			choices++;
		}
		if (!*t && t != text && (!*choices || *choices == ','))
			return position;
		while (*choices && *choices != ',')
			choices++;
		if (*choices)
			choices++;
		position++;
	}
	return -1;
}

/* The power of two that a size's suffix stands for, or -1. */
static inline int prof_setting_shift(char suffix)
{
	switch (suffix) {
	case 'K':
	case 'k': return 10;
	case 'M':
	case 'm': return 20;
	case 'G':
	case 'g': return 30;
	case 'T':
	case 't': return 40;
	}
	return -1;
}

/* True and *value set when text is a whole value of a NUMBER, SIZE or CHOICE
 * setting within its bounds; for TEXT, *value is the length.  False leaves
 * *value alone. */
static inline bool prof_setting_parse(enum prof_setting_kind kind, const char *text, uint64_t min,
				      uint64_t max, const char *choices, uint64_t *value)
{
	uint64_t v = 0;
	int n = 0;

	if (kind == PROF_SETTING_TEXT) {
		while (text[v])
			v++;
	} else if (kind == PROF_SETTING_CHOICE) {
		n = prof_setting_choice(text, choices);
		if (n < 0)
			return false;
		v = (uint64_t)n;
	} else {
		for (; text[n] >= '0' && text[n] <= '9'; n++) {
			unsigned digit = (unsigned)(text[n] - '0');

			if (v > (UINT64_MAX - digit) / 10)
				return false;
			v = v * 10 + digit;
		}
		if (n == 0)
			return false;
		if (kind == PROF_SETTING_SIZE && text[n]) {
			int shift = prof_setting_shift(text[n++]);

			if (shift < 0 || v > UINT64_MAX >> shift)
				return false;
			v <<= shift;
		}
		if (text[n])
			return false;
	}
	if (v < min || v > max)
		return false;
	*value = v;
	return true;
}

#endif
