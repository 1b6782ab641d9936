/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h - words for files that define functions in front of libc's.
 */
#ifndef PROF_HOOK_H
#define PROF_HOOK_H

#define HOOK __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* [init] Looks up the C++ operators of the libraries that the program was started with. */
void hook_new_init(void);

/* [hook] Around a dlclose: which library's another operator is may change. */
void hook_new_close_begin(void);
void hook_new_close_end(void);

/* [hook] The calling thread's capabilities have changed: where it is the only one of the
 * program, ours give up what it has given up. */
void hook_caps_changed(void);

#endif
