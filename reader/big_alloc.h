/* SPDX-License-Identifier: Apache-2.0
 *
 * big_alloc.h - zeroed memory for tables that are looked into at random: in huge
 * pages where the kernel has them, since of small ones the processor remembers
 * too few, and each is a fault when it is first filled.
 */
#ifndef PROF_BIG_ALLOC_H
#define PROF_BIG_ALLOC_H

#include <stddef.h>

/* Never NULL; ends the program as g_malloc() does.  free() it. */
void *big_alloc0(size_t bytes);

/* Of memory had otherwise, which is about to be filled: huge pages, where it has whole ones. */
void big_fill(void *memory, size_t bytes);

#endif
