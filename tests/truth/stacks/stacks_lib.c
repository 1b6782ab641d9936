/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks_lib.c - a shared library of the truth corpus, called through linkage stubs.
 */
#include "stacks_lib.h"

uint64_t x_tiny(uint64_t n)
{
	return n * 3 + 1;
}

uint64_t x_other(uint64_t n)
{
	return n ^ n >> 3;
}

void x_call(void (*back)(int), int n)
{
	for (int i = 0; i < n; i++)
		back(i);
}
