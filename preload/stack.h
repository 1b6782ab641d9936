/* SPDX-License-Identifier: Apache-2.0
 *
 * stack.h - every distinct stack once: a tree of frames, in which a stack is
 * the number of its innermost frame's node.  The writer's alone.
 */
#ifndef PROF_STACK_H
#define PROF_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "../include/prof_format.h"
#include "arena.h"
#include "unwind.h"

/* A frame below its callers.  Node 0 is "no stack" and the parent of roots. */
struct stack_node {
	uint32_t parent;
	uint32_t mapping; /* serial; 0 = a marker, offset is an enum prof_marker */
	uint64_t offset;  /* from the mapping's start */
	uint32_t guessed;
	uint32_t segment, segment_id; /* the encoder's: id in the segment of that number */
};

/* [writer] 0 or -ENOMEM. */
int stack_init(struct arena *arena);

/* [writer] The node of a stack: user frames as unwound (with a marker at the
 * root end when the walk did not get there), below kernel_frames kernel
 * addresses, innermost first.  Fills user->node from user->known on; 0 there and the
 * marker for that returned when memory is out. */
uint32_t stack_intern(struct unwound *user, const uint64_t *kernel, uint32_t kernel_frames);

/* [writer] The node of a marker that has no callers. */
uint32_t stack_marker(enum prof_marker marker);

/* [writer] The frame of node, called by callers; 0 when memory is out. */
uint32_t stack_called_by(uint32_t callers, uint32_t node);

/* [writer] Node by number; valid until the next intern. */
struct stack_node *stack_get(uint32_t node);

/* [writer] True when the table has grown so large that a new one should be
 * started.  Only stacks of blocks alive, of thread creation and of the current
 * segment are ever asked for again, so at the start of a segment:
 *
 *	stack_renew_begin();
 *	for each node still held: node = stack_renew_keep(node);
 *	stack_renew_end();
 *
 * after which node numbers from before mean nothing. */
bool stack_is_large(void);
void stack_renew_begin(void);
uint32_t stack_renew_keep(uint32_t node);
void stack_renew_end(void);

uint64_t stack_bytes(void);

#endif
