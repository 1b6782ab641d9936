/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_signal.h - signal delivery as the kernel and the processor see it: the
 * kernel's struct sigaction, the code that a handler returns to, and the
 * registers in a signal's context.  Used by the timer engine alone.
 */
#ifndef PROF_ARCH_SIGNAL_H
#define PROF_ARCH_SIGNAL_H

#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE first: the registers' names in ucontext.h need it"
#endif
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#include "arch.h"

#define ARCH_SA_RESTORER 0x04000000ul

struct arch_sigaction {
	void (*handler)(int sig, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* Where a handler returns to; defined by ARCH_DEFINE_SIGRETURN. */
void arch_sigreturn(void) __attribute__((visibility("hidden")));

#if defined(__x86_64__)

/* One register saved in the ucontext that rsp points at when the handler has
 * returned: DW_CFA_expression, register, { DW_OP_breg7 offset }.  The offset is
 * a two-byte sleb128. */
#define ARCH_CFI_SAVED(reg, offset) \
	".cfi_escape 0x10, " #reg ", 3, 0x77, (" #offset " & 0x7f) | 0x80, " #offset " >> 7\n\t"

/* Debuggers and unwinders know a signal frame by exactly these two
 * instructions; those that go by unwind tables look up the return address
 * minus one, hence the nop, and find every register, rip included. */
#define ARCH_DEFINE_SIGRETURN                                                                       \
	__asm__(".pushsection .text.arch_sigreturn, \"ax\", @progbits\n\t"                          \
		".balign 16\n\t"                                                                    \
		".cfi_startproc\n\t"                                                                \
		".cfi_signal_frame\n\t" /* the CFA is the interrupted rsp: breg7 160; deref */      \
		".cfi_escape 0x0f, 4, 0x77, 0xa0, 1, 0x06\n\t" ARCH_CFI_SAVED(                      \
			8, 40) ARCH_CFI_SAVED(9, 48) ARCH_CFI_SAVED(10, 56) ARCH_CFI_SAVED(11, 64)  \
			ARCH_CFI_SAVED(12, 72) ARCH_CFI_SAVED(13, 80) ARCH_CFI_SAVED(               \
				14, 88) ARCH_CFI_SAVED(15,                                          \
						       96) ARCH_CFI_SAVED(5,                        \
									  104) ARCH_CFI_SAVED(4,    \
											      112)  \
				ARCH_CFI_SAVED(6, 120) ARCH_CFI_SAVED(3, 128) ARCH_CFI_SAVED(       \
					1, 136) ARCH_CFI_SAVED(0, 144) ARCH_CFI_SAVED(2, 152)       \
					ARCH_CFI_SAVED(7, 160) ARCH_CFI_SAVED(                      \
						16,                                                 \
						168) "nop\n"                                        \
						     ".globl arch_sigreturn\n\t"                    \
						     ".hidden arch_sigreturn\n\t"                   \
						     ".type arch_sigreturn, @function\n"            \
						     "arch_sigreturn:\n\t"                          \
						     "movq $15, %rax\n\t"                           \
						     "syscall\n\t"                                  \
						     ".cfi_endproc\n\t"                             \
						     ".size arch_sigreturn, . - arch_sigreturn\n\t" \
						     ".popsection\n")

/* The interrupted registers, by DWARF number. */
static inline void arch_signal_regs(const void *context, uint64_t regs[ARCH_REGS])
{
	static const uint8_t greg[ARCH_REGS] = {
		[ARCH_RAX] = REG_RAX, [ARCH_RDX] = REG_RDX, [ARCH_RCX] = REG_RCX,
		[ARCH_RBX] = REG_RBX, [ARCH_RSI] = REG_RSI, [ARCH_RDI] = REG_RDI,
		[ARCH_RBP] = REG_RBP, [ARCH_RSP] = REG_RSP, [ARCH_R8] = REG_R8,
		[ARCH_R9] = REG_R9,   [ARCH_R10] = REG_R10, [ARCH_R11] = REG_R11,
		[ARCH_R12] = REG_R12, [ARCH_R13] = REG_R13, [ARCH_R14] = REG_R14,
		[ARCH_R15] = REG_R15, [ARCH_RIP] = REG_RIP,
	};
	const ucontext_t *uc = context;

	for (unsigned i = 0; i < ARCH_REGS; i++)
		regs[i] = (uint64_t)uc->uc_mcontext.gregs[greg[i]];
}
#define ARCH_SIGNAL_REGS_VALID ((1u << ARCH_REGS) - 1)

#else
#error "libprof runs on x86-64; see README.md, Limits"
#endif

#endif
