/* SPDX-License-Identifier: Apache-2.0
 *
 * blocks.h - the writer's list of sampled blocks that are alive: what every
 * new segment opens with, so that a leak outlives the segment it began in.
 */
#ifndef PROF_BLOCKS_H
#define PROF_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct block {
	uint64_t id, t_ns, size, sampled_size;
	uint64_t mean;	       /* bytes between samples, on average, when it was sampled */
	uint32_t thread, node; /* trace's thread id; stack.h node */
};

/* [writer] Forgets all blocks (a forked child's first call). */
void blocks_init(void);

/* [writer] Adds a block; false when memory is out: its free will not be known. */
bool blocks_add(const struct block *b);

/* [writer] Takes a block out; false when it is not there. */
bool blocks_remove(uint64_t id);

/* [writer] Number of blocks, and the i-th below it, in no order. */
uint32_t blocks_count(void);
const struct block *blocks_at(uint32_t i);

/* [writer] Gives each block's node its number in a new table of stacks. */
void blocks_renumber(uint32_t (*keep)(uint32_t node));

uint64_t blocks_bytes(void);

#endif
