/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - see rows.h.  A row is read off one libunwind step over a made-up
 * frame: each register holds a tag that names it, each word of memory a tag that
 * names the address it was read from, so the caller's registers, as libunwind
 * computes them, spell out the rule that computed them.
 */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include "../include/prof_format.h"
#include "elf_image.h"
#include "sys.h"
#include "unwind_cfi.h"

#define FIRST_SLOTS 1024u
#define SLOTS_MAX (1u << 18) /* 8 MiB; a program hot in more places starts over */

/* A tag's upper 16 bits name it, its lower 48 are an offset around TAG_ZERO.
 * The names i * 134 + i * i % 67 have pairwise different sums, and no sum or difference
 * of two is itself a name: arithmetic on two tags is never mistaken for one. */
#define TAG_ZERO (UINT64_C(1) << 40)
#define TAG_NAME(i) (UINT64_C(0x4000) + (i)*134u + (i) * (i) % 67u)
#define TAG(i) (TAG_NAME(i) << 48 | TAG_ZERO)
#define TAG_OFFSET_MAX (INT64_C(1) << 31)
#define READS_MAX 12u
#define TAGS (ARCH_REGS + READS_MAX)

/* A tagged value: the register (i < ARCH_REGS) or the read (ARCH_REGS + n) it is an
 * offset from. */
struct tagged {
	unsigned i;
	int64_t offset;
};

struct trial {
	struct tagged read[READS_MAX]; /* the address of each read */
	unsigned reads;
};

struct rows rows;

static bool decode(uint64_t value, struct tagged *t)
{
	uint64_t name = value >> 48;
	unsigned i = (unsigned)((name - TAG_NAME(0)) / 134u);

	if (name < TAG_NAME(0) || i >= TAGS || TAG_NAME(i) != name)
		return false;
	t->i = i;
	t->offset = (int64_t)(value & ((UINT64_C(1) << 48) - 1)) - (int64_t)TAG_ZERO;
	return t->offset > -TAG_OFFSET_MAX && t->offset < TAG_OFFSET_MAX;
}

static bool read_tag(struct cfi_frame *f, uint64_t address, uint64_t *word)
{
	struct trial *trial = f->arg;
	struct tagged t;
	unsigned n;

	if (!decode(address, &t) || t.offset & 7)
		return false;
	for (n = 0; n < trial->reads; n++)
		if (trial->read[n].i == t.i && trial->read[n].offset == t.offset)
			break;
	if (n == READS_MAX)
		return false;
	if (n == trial->reads)
		trial->read[trial->reads++] = t;
	*word = TAG(ARCH_REGS + n);
	return true;
}

/* The CFA's rule; false when rows have no form for it. */
static bool explain_cfa(const struct trial *trial, const struct tagged *cfa, struct row *r)
{
	struct tagged base = *cfa;

	r->cfa_offset = (int32_t)cfa->offset;
	if (cfa->i >= ARCH_REGS) {
		base = trial->read[cfa->i - ARCH_REGS];
		r->deref = true;
		r->deref_offset = (int32_t)base.offset;
	}
	r->reg = (uint8_t)base.i;
	return base.i < ARCH_REGS && !(cfa->offset & 7);
}

/* Where the caller's register reg, which became value, is kept. */
static bool explain_saved(const struct trial *trial, const struct tagged *cfa, unsigned reg,
			  uint64_t value, const struct row *r, uint8_t *where, int16_t *offset)
{
	struct tagged v, at;
	int64_t from_cfa;

	if (!decode(value, &v) || v.offset)
		return false;
	if (v.i < ARCH_REGS) {
		*where = v.i == reg ? ROW_SAME : ROW_IN_REG;
		*offset = (int16_t)v.i;
		return true;
	}
	at = trial->read[v.i - ARCH_REGS];
	from_cfa = at.offset - cfa->offset;
	if (at.i == cfa->i) {
		*where = ROW_CFA;
	} else if (at.i == r->reg) {
		*where = ROW_BASE;
		from_cfa = at.offset;
	} else {
		return false;
	}
	*offset = (int16_t)from_cfa;
	return *offset == from_cfa;
}

/* Turns the caller's registers as libunwind computed them into a row. */
static enum row_kind explain(const struct trial *trial, const struct cfi_frame *f, struct row *r)
{
	struct tagged cfa;
	uint8_t where;

	if (!decode(f->regs[ARCH_SP], &cfa) || !explain_cfa(trial, &cfa, r))
		return ROW_LIBUNWIND;
	if (!explain_saved(trial, &cfa, ARCH_IP, f->regs[ARCH_IP], r, &where, &r->ra_offset))
		return ROW_LIBUNWIND;
	r->ra_where = where & 15;
	r->fp_where = ROW_LOST;
	if (f->valid >> ARCH_FP & 1) {
		if (!explain_saved(trial, &cfa, ARCH_FP, f->regs[ARCH_FP], r, &where,
				   &r->fp_offset))
			return ROW_LIBUNWIND;
		r->fp_where = where & 15;
	}
	return ROW_RULE;
}

bool rows_read_code(const struct mapping *map, uint64_t address, uint8_t bytes[16])
{
	return map->image && elf_image_read(map->image, address - map->load_bias, bytes, 16);
}

static void set_rule(struct row *r, int32_t cfa, int16_t ra, uint8_t fp_where, int16_t fp)
{
	r->kind = ROW_RULE;
	r->reg = ARCH_SP;
	r->cfa_offset = cfa;
	r->ra_offset = ra;
	r->ra_where = ROW_CFA;
	r->fp_where = fp_where & 15;
	r->fp_offset = fp;
}

/* Code without tables: start code, linkage stubs and signal trampolines are
 * known by their bytes, for all other code there is the frame pointer. */
static void recognise(uint64_t pc, struct row *r)
{
	const struct elf_image *e = r->map->image;
	uint8_t code[16];
	unsigned depth;

	r->kind = ROW_GUESS;
	if (e && e->entry && pc - r->map->load_bias - e->entry < ARCH_START_CODE_BYTES)
		r->kind = ROW_END;
	if (rows_read_code(r->map, pc & ~UINT64_C(15), code)) {
		depth = arch_plt_depth(code, pc & 15);
		if (depth)
			set_rule(r, (int32_t)depth, ARCH_RA_OFFSET, ROW_SAME, 0);
	}
	/* The kernel returns to the trampoline's first byte, so the pc looked up
	 * is the one before it; while it returns from the handler, the one behind its end. */
	if ((rows_read_code(r->map, pc, code) && arch_is_sigreturn(code)) ||
	    (rows_read_code(r->map, pc + 1, code) && arch_is_sigreturn(code)) ||
	    (rows_read_code(r->map, pc - ARCH_SIGRETURN_BYTES, code) && arch_is_sigreturn(code))) {
		set_rule(r, 0, ARCH_SIGFRAME_IP, ROW_BASE, ARCH_SIGFRAME_FP);
		r->ra_where = ROW_BASE;
		r->deref = r->signal = true;
		r->deref_offset = ARCH_SIGFRAME_SP;
	}
}

static bool is_landing(const struct mapping *map, uint64_t pc)
{
	uint8_t code[ARCH_LANDING_BYTES];

	return elf_image_read(map->image, pc - map->load_bias, code, sizeof(code)) &&
	       arch_is_landing(code, pc, map->start, map->end);
}

static void find_rule(uint64_t pc, struct row *r)
{
	struct trial trial = { .reads = 0 };
	struct cfi_frame f = {
		.valid = (1u << ARCH_REGS) - 1, .map = r->map, .read = read_tag, .arg = &trial
	};
	bool signal = false;

	for (unsigned i = 0; i < ARCH_REGS; i++)
		f.regs[i] = TAG(i);
	f.regs[ARCH_IP] = pc;
	switch (unwind_cfi_step(&f, &signal)) {
	case 1:
		r->kind = explain(&trial, &f, r);
		r->signal = signal;
		r->lands = f.lands && is_landing(r->map, pc);
		break;
	case 0: r->kind = ROW_END; break;
	case -ENOENT: recognise(pc, r); break;
	default: r->kind = ROW_LIBUNWIND;
	}
}

static uint8_t plain_form(const struct row *r)
{
	if (r->kind != ROW_RULE || r->deref || r->signal || r->lands || r->ra_where != ROW_CFA ||
	    r->ra_offset != ARCH_RA_OFFSET || (r->reg != ARCH_SP && r->reg != ARCH_FP) ||
	    (r->fp_where != ROW_LOST && r->fp_where != ROW_SAME && r->fp_where != ROW_CFA))
		return 0;
	return PLAIN | (r->reg == ARCH_FP ? PLAIN_BY_FP : 0) |
	       (r->fp_where == ROW_CFA ? PLAIN_SAVES_FP : 0) |
	       (r->fp_where == ROW_LOST ? PLAIN_LOSES_FP : 0) | (r->map->ours ? PLAIN_OURS : 0);
}

static int resize(uint32_t slots)
{
	struct rows old = rows;
	struct row *bigger = sys_map((size_t)slots * sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	rows.slots = bigger;
	rows.mask = slots - 1;
	for (uint32_t i = 0; old.used && i <= old.mask; i++)
		if (old.slots[i].pc)
			*rows_slot(old.slots[i].pc) = old.slots[i];
	if (old.slots)
		sys_unmap(old.slots, ((size_t)old.mask + 1) * sizeof(*old.slots));
	return 0;
}

int rows_init(void)
{
	rows.used = 0;
	if (rows.slots)
		memset(rows.slots, 0, ((size_t)rows.mask + 1) * sizeof(*rows.slots));
	else if (resize(FIRST_SLOTS) < 0)
		return -ENOMEM;
	rows.generation = maps_generation; /* rows_get takes it for a sign that there are slots */
	return 0;
}

const struct row *rows_make(uint64_t pc)
{
	struct row row = { .pc = pc, .map = pc ? maps_find_new(pc) : NULL };
	struct row *r;

	if (!row.map || row.map->flags & PROF_MAP_KERNEL)
		return NULL;
	if (!rows.slots || rows.generation != maps_generation ||
	    (rows.used >= SLOTS_MAX / 4 * 3 && rows.mask + 1 == SLOTS_MAX))
		if (rows_init() < 0)
			return NULL;
	if (rows.used >= (rows.mask + 1) / 4 * 3 && resize(2 * (rows.mask + 1)) < 0)
		rows_init(); /* no memory for more: start over */
	find_rule(pc, &row);
	row.plain = plain_form(&row);
	r = rows_slot(pc);
	rows.used += !r->pc;
	rows.made++;
	*r = row;
	return r;
}
