/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rows_referee.c - rows against a third reading of the same tables, that of
 * elfutils: at every 7th byte of the C library, the loader and the C++ library, both rules
 * are evaluated over the same made-up registers and memory.
 *
 * links: preload/arena.c preload/elf_image.c preload/file_view.c preload/elf_image_memory.c preload/maps.c
 * links: preload/maps_loader.c preload/maps_proc.c preload/rows.c preload/unwind_cfi.c preload/unwind_ns.c
 * libs: -ldw -lelf -ldl
 */
#include "../../preload/rows.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>

#include "../../preload/unwind_cfi.h"
#include "../check.h"

#define STACK UINT64_C(0x7ffe10000000)

static struct arena arena;
static uint64_t regs[ARCH_REGS];

/* Memory is a function of the address, which keeps the scale of addresses. */
static uint64_t word_at(uint64_t address)
{
	return STACK + (address * UINT64_C(0x9e3779b97f4a7c15) >> 44) * 8;
}

/* The few operators that call frame information uses.  False: not one of them. */
static bool evaluate(const Dwarf_Op *op, size_t n, uint64_t cfa, uint64_t *value, bool *is_value)
{
	uint64_t s[16] = { 0 };
	unsigned d = 0;

	*is_value = false;
	for (size_t i = 0; i < n && d < 14; i++) {
		uint8_t a = op[i].atom;

		if (a >= DW_OP_breg0 && a <= DW_OP_breg16)
			s[d++] = regs[a - DW_OP_breg0] + op[i].number;
		else if (a >= DW_OP_lit0 && a <= DW_OP_lit31)
			s[d++] = a - DW_OP_lit0;
		else if (a == DW_OP_call_frame_cfa)
			s[d++] = cfa;
		else if (a == DW_OP_plus_uconst && d)
			s[d - 1] += op[i].number;
		else if (a == DW_OP_deref && d)
			s[d - 1] = word_at(s[d - 1]);
		else if (a == DW_OP_stack_value)
			*is_value = true;
		else if (a == DW_OP_bregx)
			s[d++] = regs[op[i].number] + op[i].number2;
		else if (a == DW_OP_plus && d > 1)
			d--, s[d - 1] += s[d];
		else if (a == DW_OP_and && d > 1)
			d--, s[d - 1] &= s[d];
		else if (a == DW_OP_shl && d > 1)
			d--, s[d - 1] <<= s[d];
		else if (a == DW_OP_ge && d > 1)
			d--, s[d - 1] = s[d - 1] >= s[d];
		else
			return false;
	}
	*value = d ? s[d - 1] : 0;
	return d > 0; /* an expression starts with the CFA on the stack */
}

/* What the caller's register is; false where elfutils calls it undefined or
 * gives what we cannot evaluate. */
static bool referee_reg(Dwarf_Frame *frame, int reg, uint64_t cfa, uint64_t *value, bool *undefined)
{
	Dwarf_Op mem[3], *ops;
	size_t n;
	bool is_value;

	*undefined = false;
	if (dwarf_frame_register(frame, reg, mem, &ops, &n) < 0)
		return false;
	if (!n) { /* the same value, or, with ops set to mem, undefined */
		*undefined = ops == mem;
		*value = regs[reg];
		return true;
	}
	if (n == 1 && ops[0].atom == DW_OP_regx) {
		*value = regs[ops[0].number];
		return true;
	}
	if (!evaluate(ops, n, cfa, value, &is_value))
		return false;
	if (!is_value)
		*value = *value < regs[ARCH_SP] ? regs[reg] : word_at(*value); /* popped */
	return true;
}

static uint64_t row_value(const struct row *r, unsigned where, int64_t offset, uint64_t cfa,
			  unsigned reg)
{
	switch (where) {
	case ROW_CFA: return word_at(cfa + (uint64_t)offset);
	case ROW_BASE: return word_at(regs[r->reg] + (uint64_t)offset);
	case ROW_IN_REG: return regs[offset];
	default: return regs[reg];
	}
}

/* 1 compared, 0 not comparable, -1 different. */
static int compare(Dwarf_Frame *frame, const struct row *r)
{
	uint64_t cfa, want, got = regs[r->reg];
	bool undefined, is_value;
	Dwarf_Op *ops;
	size_t n;

	if (r->kind == ROW_END)
		return !referee_reg(frame, ARCH_IP, 0, &want, &undefined) || undefined ? 1 : -1;
	if (r->kind != ROW_RULE || dwarf_frame_cfa(frame, &ops, &n) < 0 ||
	    !evaluate(ops, n, 0, &cfa, &is_value))
		return 0;
	if (r->deref)
		got = word_at(got + (uint64_t)(int64_t)r->deref_offset);
	if (got + (uint64_t)(int64_t)r->cfa_offset != cfa)
		return -1;
	if (!referee_reg(frame, ARCH_IP, cfa, &want, &undefined) || undefined)
		return -1;
	if (row_value(r, r->ra_where, r->ra_offset, cfa, ARCH_IP) != want)
		return -1;
	if (!referee_reg(frame, ARCH_FP, cfa, &want, &undefined))
		return 0;
	return undefined || r->fp_where == ROW_LOST ||
			       row_value(r, r->fp_where, r->fp_offset, cfa, ARCH_FP) == want
		       ? 1
		       : -1;
}

static void compare_over(const struct mapping *m)
{
	int fd = open(m->path, O_RDONLY);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
	unsigned same = 0, other = 0, uncovered = 0;

	TRUE(cfi);
	for (uint64_t pc = m->start; pc < m->end; pc += 7) {
		const struct row *r = rows_get(pc);
		Dwarf_Frame *frame;
		int verdict;

		TRUE(r);
		if (dwarf_cfi_addrframe(cfi, pc - m->load_bias, &frame)) {
			uncovered++;
			TRUE(r->kind == ROW_GUESS || r->kind == ROW_END ||
			     r->kind == ROW_RULE); /* known by its bytes */
			continue;
		}
		regs[ARCH_IP] = pc;
		verdict = compare(frame, r);
		free(frame);
		if (verdict < 0)
			CHECK_FAIL("%s+%#llx: the row and elfutils differ", m->path,
				   (unsigned long long)(pc - m->load_bias));
		same += verdict > 0;
		other += !verdict;
	}
	printf("%s: %u agree, %u not compared, %u without tables\n", m->path, same, other,
	       uncovered);
	TRUE(same > 1000 && other < same / 1000 + 1);
	elf_end(elf);
	close(fd);
}

TEST(rows_agree_with_elfutils)
{
	static const char *const libraries[] = { "/libc.so.6", "/ld-linux-x86-64.so.2",
						 "/libstdc++.so.6" };
	const char *why;
	struct mapping *m;

	dlopen("libstdc++.so.6", RTLD_NOW);
	maps_init(&arena);
	EQ(maps_refresh(1), 0);
	EQ(rows_init(), 0);
	EQ(unwind_cfi_init(&why), 0);
	elf_version(EV_CURRENT);
	for (unsigned i = 0; i < ARCH_REGS; i++)
		regs[i] = STACK + 0x10000 * i;
	regs[ARCH_SP] = STACK;
	for (uint32_t i = 1; (m = maps_get(i)); i++)
		for (unsigned l = 0; l < 3; l++)
			if (strstr(m->path, libraries[l]))
				compare_over(m);
}
