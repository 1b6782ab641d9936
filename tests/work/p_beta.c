/* SPDX-License-Identifier: Apache-2.0
 *
 * p_beta.c - a plugin that w_dlopen opens and closes; its twin is p_alpha.c,
 * whose place in memory it often takes.
 *
 * flags: -shared -fPIC
 */
#include "work.h"

void plugin_work(uint64_t ns);

static FRAME void beta_inner(uint64_t ns)
{
	work_burn(ns);
}

FRAME void plugin_work(uint64_t ns)
{
	char *p = malloc(3000);

	p[0] = 1;
	__asm__ volatile("" : "+r"(p) : : "memory");
	beta_inner(ns);
	free(p);
}
