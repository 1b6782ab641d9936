/* SPDX-License-Identifier: Apache-2.0
 *
 * big_alloc.h - zeroed memory for tables that are looked into at random: in huge
 * pages where the kernel has them, since of small ones the processor remembers
 * too few.
 */
#ifndef PROF_BIG_ALLOC_H
#define PROF_BIG_ALLOC_H

#include <stddef.h>

/* Never NULL; ends the program as g_malloc() does.  free() it. */
void *big_alloc0(size_t bytes);

#endif
