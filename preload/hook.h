/* SPDX-License-Identifier: Apache-2.0
 *
 * hook.h - words for files that define functions in front of libc's.
 */
#ifndef PROF_HOOK_H
#define PROF_HOOK_H

#define HOOK __attribute__((visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* [hook] Around a dlclose: which library's an operator is may change. */
void hook_new_forget(void);

#endif
