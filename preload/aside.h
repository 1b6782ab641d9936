/* SPDX-License-Identifier: Apache-2.0
 *
 * aside.h - standing aside for a tool that has taken the process over.
 */
#ifndef PROF_ASIDE_H
#define PROF_ASIDE_H

/* [init] Why this process is not to be profiled: the sanitizer or checker that
 * it runs under.  NULL when there is none. */
const char *aside_reason(void);

/* [init] Leaves a trace that holds the reason and nothing else.  0 or -errno. */
int aside_leave_word(const char *reason);

#endif
