/* SPDX-License-Identifier: Apache-2.0
 *
 * fault_blocks.h - what a program that is tried under faults does in between: some mallocs at
 * one site, which it counts, and a little CPU time.
 */
#ifndef PROF_FAULT_BLOCKS_H
#define PROF_FAULT_BLOCKS_H

#include "work.h"

#include <stdatomic.h>
#include <string.h>

#define CALLS 300

static _Atomic uint64_t made; /* mallocs in fault_blocks */

static FRAME uint64_t fault_blocks(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < CALLS; i++) {
		unsigned char *p = malloc(40 + i);

		memset(p, (int)i, 40 + i);
		sum += p[i];
		free(p);
	}
	made += CALLS;
	work_burn(3 * MS);
	return sum;
}

#endif
