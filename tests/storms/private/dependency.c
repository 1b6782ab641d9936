/* SPDX-License-Identifier: Apache-2.0
 *
 * dependency.c - a plugin's private liblzma, libunwind or liblz4: the SONAME is
 * the known one, and beside a function of the known library there is one that
 * only this copy has, without which the plugin cannot be loaded.
 */
#include <stdlib.h>

int EXTRA(int n)
{
	unsigned char *p = malloc((size_t)n + 1);
	int sum = 0;

	for (int i = 0; p && i <= n; i++)
		sum += p[i] = (unsigned char)i;
	free(p);
	return sum;
}

/* Never what the other one of this name says. */
unsigned KNOWN(void)
{
	return 424242;
}
