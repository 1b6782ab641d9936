/* SPDX-License-Identifier: Apache-2.0
 *
 * allocator.h - whose allocator serves the program, in words for the trace.
 */
#ifndef PROF_ALLOCATOR_H
#define PROF_ALLOCATOR_H

/* [init] The library behind us that blocks come from; NULL when it is the C library.
 * The text is valid until the next call of either. */
const char *allocator_behind(void);

/* [init] Who serves malloc where our hooks are not in force. */
const char *allocator_in_front(void);

#endif
