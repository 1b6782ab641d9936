/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_ends.h - how many samples have a whole stack, and what the others' end in at
 * the root.
 */
#ifndef PROF_STACK_ENDS_H
#define PROF_STACK_ENDS_H

#include "profile.h"

/* Sums up each process's ends, from the cells of its threads.  Synthetic CPU time is in
 * no sample and counts for nothing. */
void stack_ends_sum(struct profile *p);

/* The name of an end in outputs: "whole", "stitched", ... */
const char *stack_end_name(enum stack_end end);

#endif
