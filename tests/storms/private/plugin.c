/* SPDX-License-Identifier: Apache-2.0
 *
 * plugin.c - a plugin with private libraries that leaves nothing behind when it
 * is unloaded.
 */
#include <stddef.h>

#include "plugin.h"

int plugin_run(void *(*allocate)(size_t), void (*release)(void *), void (*through)(void (*)(void)))
{
	(void)through;
	for (size_t i = 0; i < 10; i++)
		release(allocate(60 + i));
	return !private_libraries_work();
}
