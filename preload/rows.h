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

/* What nearly all rows are, in one byte: the CFA an offset from the stack or frame pointer, the
 * return address where a call puts it, the frame pointer kept, lost or at an offset from the CFA. */
enum row_plain {
	PLAIN = 1,
	PLAIN_BY_FP = 2, /* the CFA is off the frame pointer */
	PLAIN_SAVES_FP = 4,
	PLAIN_LOSES_FP = 8,
	PLAIN_OURS = 16 /* map->ours */
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
	uint8_t ra_where : 4, fp_where : 4;
	uint8_t plain; /* enum row_plain, or 0 */
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

/* [writer] Where the row of pc is, or would be: its pc is then 0.  Not while rows.generation is
 * another than maps_generation.  The slot is the uppermost bits of a product (multiplicative
 * hashing, Knuth 6.4): the next frame waits for it. */
static inline struct row *rows_slot(uint64_t pc)
{
	const int shift = 32 + __builtin_clz(rows.mask);
	struct row *r = &rows.slots[pc * UINT64_C(0x9e3779b97f4a7c15) >> shift];

	while (r->pc != pc && r->pc)
		r = r == &rows.slots[rows.mask] ? rows.slots : r + 1;
	return r;
}

/* [writer] The row for a pc: the exact address of a leaf or interrupted frame, the return
 * address minus one of a calling frame.  As rows_make. */
static inline const struct row *rows_get(uint64_t pc)
{
	const struct row *r;

	if (rows.generation != maps_generation || !pc)
		return rows_make(pc);
	r = rows_slot(pc);
	return r->pc ? r : rows_make(pc);
}

/* [writer] The mapping's code at address, 16 bytes; false where we have no view of it. */
bool rows_read_code(const struct mapping *map, uint64_t address, uint8_t bytes[16]);

#endif
