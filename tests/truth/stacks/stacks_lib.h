/* SPDX-License-Identifier: Apache-2.0
 *
 * stacks_lib.h - see stacks_lib.c.
 */
#ifndef PROF_TRUTH_STACKS_LIB_H
#define PROF_TRUTH_STACKS_LIB_H

#include <stdint.h>

uint64_t x_tiny(uint64_t n);
uint64_t x_other(uint64_t n);
void x_call(void (*back)(int), int n);

#endif
