/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - pc -> unwinding rule, remembered.  A row says how to get from a
 * frame to its caller with two registers (stack and frame pointer) and a few
 * reads of the stack; what it takes longer to say is left to unwind_cfi.h.
 * How a row is made is private to rows.c.  Writer thread only.
 */
#ifndef PROF_ROWS_H
#define PROF_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "maps.h"
#include "table.h"

enum row_kind {
	ROW_RULE = 1, /* cfa, ra and fp say all */
	ROW_END,      /* the tables say: nobody called this function */
	ROW_GUESS,    /* no tables: the frame-pointer chain */
	ROW_LIBUNWIND /* a rule that rows cannot hold */
};

/* Where a value of the calling frame is. */
enum row_where {
	ROW_LOST,  /* not kept by the callee */
	ROW_SAME,  /* still in its register */
	ROW_CFA,   /* in memory at CFA + offset */
	ROW_BASE,  /* in memory at the register row.reg + offset */
	ROW_IN_REG /* in the register that the offset numbers */
};

/* CFA = reg + cfa_offset, or, with deref, word at (reg + deref_offset) + cfa_offset. */
struct row {
	uint64_t pc; /* 0 = empty slot */
	struct mapping *map;
	int32_t cfa_offset, deref_offset;
	int16_t ra_offset, fp_offset;
	uint8_t reg;
	uint8_t kind : 3, deref : 1, signal : 1;
	uint8_t lands : 1; /* a handler's registers are being written over the saved ones */
	uint8_t plain : 1; /* CFA off the stack or frame pointer, what is saved is at the CFA */
	uint8_t ra_where : 4, fp_where : 4;
};

struct rows {
	struct row *slots;
	uint32_t mask; /* slots - 1; 0 = none yet */
	uint32_t used;
	uint32_t generation; /* of maps_generation: all rows are of this picture */
	uint64_t made;	     /* ever */
};
extern struct rows rows;

/* [writer] Empties the cache.  0 or -ENOMEM. */
int rows_init(void);

/* [writer] The row of a pc that has none yet; NULL when nothing known is mapped there or
 * there is no memory.  Valid until the next call. */
const struct row *rows_make(uint64_t pc);

/* [writer] The row for a pc: the exact address of a leaf or interrupted frame, the return
 * address minus one of a calling frame.  As rows_make. */
static inline const struct row *rows_get(uint64_t pc)
{
	uint32_t i = (uint32_t)table_hash(pc);

	if (rows.generation != maps_generation || !pc)
		return rows_make(pc);
	for (;; i++) {
		const struct row *r = &rows.slots[i & rows.mask];

		if (r->pc == pc)
			return r;
		if (!r->pc)
			return rows_make(pc);
	}
}

/* [writer] The mapping's code at address, 16 bytes; false where we have no view of it. */
bool rows_read_code(const struct mapping *map, uint64_t address, uint8_t bytes[16]);

#endif
