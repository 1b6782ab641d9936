/* SPDX-License-Identifier: Apache-2.0
 *
 * known_stacks.h - stacks that the allocation hook can tell by a few words.  Where a thread
 * allocates from the same stack twice running, the writer publishes how it walked it: which words,
 * at which addresses, led from frame to frame.  A hook that finds them all unchanged, with the
 * registers that the walk began with, has the same stack before it, and records its frames
 * instead of a copy of kilobytes.  No table is asked: what each frame's code says of its caller is
 * what the walk of the same return addresses has found.
 */
#ifndef PROF_KNOWN_STACKS_H
#define PROF_KNOWN_STACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
#include "unwind.h"

/* A stack that was found, until known_stack_frames. */
struct known_stack {
	const void *slot;
	uint32_t version;
	uint32_t frames;
};

/* [hook] Is what lies at regs[ARCH_SP], of the calling thread, a stack that was published?
 * Reads no more than stack_bytes from there, which are of the thread's known stack. */
bool known_stack_find(const uint64_t regs[ARCH_REGS], uint32_t stack_bytes, struct known_stack *k);

/* [hook] Its frames, k->frames of them; false when they have been replaced since. */
bool known_stack_frames(const struct known_stack *k, struct ring_frame *to);

/* [writer] Publishes a stack that a hook's capture with these registers gave, when it is the
 * thread's last once more (u->again) and not too deep.  It is known until some mapping is
 * replaced. */
void known_stack_publish(const struct unwound *u, const uint64_t regs[ARCH_REGS]);

/* [writer] Bytes in memory, about. */
uint64_t known_stacks_bytes(void);

#endif
