/* SPDX-License-Identifier: Apache-2.0
 *
 * p_alpha.c - a plugin that w_dlopen opens and closes; its twin is p_beta.c.
 *
 * flags: -shared -fPIC
 */
#include "work.h"

void plugin_work(uint64_t ns);

static FRAME void alpha_inner(uint64_t ns)
{
	work_burn(ns);
}

FRAME void plugin_work(uint64_t ns)
{
	work_alloc(1000);
	alpha_inner(ns);
	STAY;
}
