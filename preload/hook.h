/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h - words for files that define functions in front of libc's.
 */
#ifndef PROF_HOOK_H
#define PROF_HOOK_H

#define HOOK __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* [init] [hook] Hides our C++ operators where the program is started with none: before the first
 * library is loaded for which it matters. */
void hook_new_hide(void);

/* [init] Looks up those of the libraries that the program was started with, and hides what a
 * C++ of old has not. */
void hook_new_init(void);

/* [hook] The calling thread's capabilities have changed: where it is the only one of the
 * program, ours give up what it has given up. */
void hook_caps_changed(void);

#endif
