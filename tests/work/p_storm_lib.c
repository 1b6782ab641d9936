/* SPDX-License-Identifier: Apache-2.0
 *
 * p_storm_lib.c - the library that w_storm_libs.c loads thousands of copies
 * of.  t_storm_libraries.py writes another number over the 0000 of the names
 * below and another build id into each.
 *
 * flags: -fPIC -shared -Wl,-soname,lib0000.so
 */
#include "work.h"

static FRAME void lib0000_allocates(unsigned n, void *(*allocate)(size_t), void (*release)(void *))
{
	for (unsigned i = 0; i < n; i++)
		release(allocate(40 + i));
	STAY;
}

static FRAME void lib0000_computes(uint64_t ns)
{
	work_burn(ns);
}

void storm_lib_run(unsigned n, uint64_t ns, void *(*allocate)(size_t), void (*release)(void *))
{
	lib0000_allocates(n, allocate, release);
	if (ns)
		lib0000_computes(ns);
}
