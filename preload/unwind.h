/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind.h - from captured registers and stack bytes to program counters.
 * The one interface to stack walking, used by the writer thread only: no
 * address of the program is followed, only captured bytes and our own
 * mappings of ELF files are read.  Rows (rows.h) answer first, libunwind
 * walks what rows cannot say.
 */
#ifndef PROF_UNWIND_H
#define PROF_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "arena.h"
#include "maps.h"

#define UNWIND_FRAMES_MAX 4096u /* 64 KiB of the smallest frames */

/* One moment of one thread, from whatever source. */
struct capture {
	uint64_t regs[ARCH_REGS]; /* by DWARF number */
	uint32_t valid;		  /* bit n: regs[n] is known */
	const uint8_t *stack;	  /* copy of the bytes at regs[ARCH_SP] upward */
	uint32_t stack_bytes;
	bool cut;	 /* the copy stopped at its size limit, not at the stack's end */
	uint32_t thread; /* whose: an id, 0 unknown */
};

enum unwind_end {
	UNWIND_WHOLE,
	UNWIND_TRUNCATED,
	UNWIND_BROKEN,
	UNWIND_NO_STACK,
	UNWIND_STITCHED /* truncated, and the callers are known from before: stitch.h */
};

struct last;	   /* unwind_last.h */
struct ring_frame; /* ring.h */

struct unwound {
	uint32_t frames;
	enum unwind_end end;
	const struct last *again; /* the whole walk was as the thread's last; else NULL */
	/* Innermost first.  pc is the exact address for the leaf and for a frame
	 * that a signal interrupted, else the return address minus one. */
	uint64_t pc[UNWIND_FRAMES_MAX];
	uint64_t sp[UNWIND_FRAMES_MAX]; /* the stack pointer there: the CFA of what it called */
	struct mapping *map[UNWIND_FRAMES_MAX]; /* NULL where nothing known is mapped */
	bool guessed[UNWIND_FRAMES_MAX];	/* found along the frame-pointer chain */

	/* stack.h's nodes; those of the outermost `known` frames are set before they are
	 * interned, the last of them standing for all callers beyond. */
	uint32_t known;
	uint32_t node[UNWIND_FRAMES_MAX];
};

/* [writer] Loads libunwind into a namespace of its own and sets up the row
 * cache.  0, or -errno and *why: from then on only frame pointers are followed
 * and every frame beyond the leaf is marked guessed. */
int unwind_init(struct arena *arena, const char **why);

/* [writer] Walks c.  Frames of libprof.so itself are left out; with
 * after_ours the frames above them (nearer the leaf) too, which turns a hook's
 * capture into the stack of the hook's caller. */
void unwind_stack(const struct capture *c, bool after_ours, struct unwound *out);

/* [writer] A whole stack whose frames a hook knew, of n at most UNWIND_FRAMES_MAX: out is as after
 * unwind_stack. */
void unwind_known(const struct ring_frame *frames, uint32_t n, struct unwound *out);

/* [writer] Statistics for the self-check and the benchmark. */
struct unwind_stats {
	uint64_t stacks, frames, frames_by_row, rows_made, stacks_by_libunwind;
	uint64_t checked, disagreed; /* self-check: walked both ways, differing */
};
extern struct unwind_stats unwind_stats;

/* Self-check: when set, every stack is walked with rows and with libunwind. */
extern bool unwind_self_check;

#endif
