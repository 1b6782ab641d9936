/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - what the library says on the program's stderr: one whole line a
 * message, by one write, from the program's own threads at start and end only
 * (the writer has no descriptor 2, hooks say nothing).
 */
#ifndef PROF_LOG_H
#define PROF_LOG_H

/* [init] Notes which file stderr is: nothing is ever said anywhere else. */
void log_init(void);

/* [init] [hook] [child] Prints "libprof: TEXT\n" when LIBPROF_VERBOSE is at least level and it can be
 * done without waiting and without a signal (a full pipe, one without a reader). */
void log_line(unsigned level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
