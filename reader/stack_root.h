/* SPDX-License-Identifier: Apache-2.0
 *
 * stack_root.h - where in the tree of stacks a thread begins: the node of its
 * start function, under which CPU time no sample covers is shown.  For
 * cpu_model.c, after frames have names.
 */
#ifndef PROF_STACK_ROOT_H
#define PROF_STACK_ROOT_H

#include "profile.h"

struct stack_roots; /* opaque */

/* Looks at the stacks that threads were seen in (profile->cells sorted by
 * thread). */
struct stack_roots *stack_roots_new(struct profile *p);

/* The node of the function the thread began in (main, or its start routine),
 * with its callers as other stacks show them; a node of its start alone when
 * no stack does; 0 when its start is not known. */
uint32_t stack_roots_find(struct stack_roots *roots, uint32_t thread);

void stack_roots_free(struct stack_roots *roots);

#endif
