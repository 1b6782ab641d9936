/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_cfi.h - one frame by an object's call frame information, read by
 * libunwind.  The caller says what registers and stack memory hold: real
 * captured values (unwind.c, when rows do not suffice) or tags that reveal the
 * rule itself (rows.c).  Writer thread only.
 */
#ifndef PROF_UNWIND_CFI_H
#define PROF_UNWIND_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "maps.h"

struct cfi_frame {
	/* Set by the caller: the registers at the frame, by DWARF number; bit n of
	 * valid says that regs[n] is known.  regs[ARCH_IP] lies in the frame's
	 * instruction or call. */
	uint64_t regs[ARCH_REGS];
	uint32_t valid;
	const struct mapping *map; /* that holds regs[ARCH_IP]; has an image */
	/* The aligned word of the program's memory at address; false: not known. */
	bool (*read)(struct cfi_frame *f, uint64_t address, uint64_t *word);
	void *arg; /* the caller's, for read */

	/* Private to one step. */
	bool covered;  /* there are tables for the pc */
	bool lands;    /* registers are saved that only a handler is handed (__builtin_eh_return) */
	uint64_t last; /* address read was last asked for */
};

/* [writer] Loads libunwind if it is not loaded.  0, or -errno and *why. */
int unwind_cfi_init(const char **why);

/* [writer] Makes what libunwind keeps of us, which takes twelve pages and, for a moment, two
 * descriptors: the first step does it, unless it was done before.  False: not loaded, or
 * forgone, as where there was no memory. */
bool unwind_cfi_begin(void);

/* [writer] Where descriptors would come among those of a program that runs: what was not begun
 * is not begun any more. */
void unwind_cfi_forgo(void);
bool unwind_cfi_is_forgone(void);

/* [writer] Replaces f->regs and f->valid by the calling frame's: regs[ARCH_IP] becomes the
 * return address, regs[ARCH_SP] the CFA.  *signal: the frame left was a signal
 * trampoline, so the new pc is exact.  Returns 1; 0 where the tables say that the stack ends;
 * -ENOENT without tables for this pc; -EIO when a rule cannot be followed
 * (f is unusable then). */
int unwind_cfi_step(struct cfi_frame *f, bool *signal);

#endif
