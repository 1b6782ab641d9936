/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h - words for files that define functions in front of libc's.
 */
#ifndef PROF_HOOK_H
#define PROF_HOOK_H

/* Each begins a cache line: all that the short ones run through lies in one then.  Where malloc's
 * and free's lay across two, two threads were 3 % slower. */
#define HOOK __attribute__((visibility("default"), aligned(64)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* [init] [hook] Where the program is started without C++: the names of all operators, and how
 * many; else 0. */
#define HOOK_NEW_OPERATORS 20u
unsigned hook_new_absent(const char **names);

/* [init] Looks up those of the libraries that the program was started with, and hides what a
 * C++ of old has not. */
void hook_new_init(void);

/* [hook] The calling thread's capabilities have changed: where it is the only one of the
 * program, ours give up what it has given up. */
void hook_caps_changed(void);

#endif
