/* SPDX-License-Identifier: Apache-2.0
 *
 * p_storm_a.c - a plugin that w_storm_dlopen opens and closes; it allocates by
 * calling back, and what it calls may throw.  Its twin is p_storm_b.c.
 *
 * flags: -shared -fPIC -fexceptions
 */
#include "work.h"

void plugin_call(void (*back)(int), int n);

static FRAME void storm_a_calls(void (*back)(int), int n)
{
	back(n);
	STAY;
}

FRAME void plugin_call(void (*back)(int), int n)
{
	storm_a_calls(back, n);
	STAY;
}
