/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_x86_64.h - all that is particular to x86-64: register numbers, the
 * perf register mask and its order, raw system calls, reading our own
 * registers.  Another architecture is another header of this shape.
 */
#ifndef PROF_ARCH_X86_64_H
#define PROF_ARCH_X86_64_H

#include <stdint.h>

/* DWARF numbers, which are also libunwind's UNW_X86_64_ numbers. */
enum arch_reg {
	ARCH_RAX, ARCH_RDX, ARCH_RCX, ARCH_RBX, ARCH_RSI, ARCH_RDI, ARCH_RBP, ARCH_RSP,
	ARCH_R8, ARCH_R9, ARCH_R10, ARCH_R11, ARCH_R12, ARCH_R13, ARCH_R14, ARCH_R15,
	ARCH_RIP, ARCH_REGS
};
#define ARCH_IP ARCH_RIP
#define ARCH_SP ARCH_RSP
#define ARCH_FP ARCH_RBP

#define ARCH_AUDIT EM_X86_64 /* the ELF machine of objects we can unwind */

/* perf's sample_regs_user: the bits of asm/perf_regs.h we ask for, and for
 * each bit, lowest first, the DWARF number of that register. */
#define ARCH_PERF_REGS_MASK UINT64_C(0xff01ff) /* ax..ip, r8..r15 */
#define ARCH_PERF_REGS                                                         \
	{ ARCH_RAX, ARCH_RBX, ARCH_RCX, ARCH_RDX, ARCH_RSI, ARCH_RDI, ARCH_RBP, \
	  ARCH_RSP, ARCH_RIP, ARCH_R8, ARCH_R9, ARCH_R10, ARCH_R11, ARCH_R12,   \
	  ARCH_R13, ARCH_R14, ARCH_R15 }

/* The kernel's half of the address space. */
#define ARCH_KERNEL_START UINT64_C(0xffff800000000000)

/* The registers an unwinder needs (stack and frame pointer, callee-saved,
 * pc), as they are at this point of the calling function.  Others are left
 * alone. */
static inline __attribute__((always_inline)) void arch_read_regs(uint64_t regs[ARCH_REGS])
{
	__asm__ volatile("movq %%rbx, %c1(%0)\n\t"
			 "movq %%rbp, %c2(%0)\n\t"
			 "movq %%rsp, %c3(%0)\n\t"
			 "movq %%r12, %c4(%0)\n\t"
			 "movq %%r13, %c5(%0)\n\t"
			 "movq %%r14, %c6(%0)\n\t"
			 "movq %%r15, %c7(%0)\n\t"
			 "leaq 0(%%rip), %%rax\n\t"
			 "movq %%rax, %c8(%0)"
			 :
			 : "r"(regs), "i"(8 * ARCH_RBX), "i"(8 * ARCH_RBP), "i"(8 * ARCH_RSP),
			   "i"(8 * ARCH_R12), "i"(8 * ARCH_R13), "i"(8 * ARCH_R14),
			   "i"(8 * ARCH_R15), "i"(8 * ARCH_RIP)
			 : "rax", "memory");
}
#define ARCH_READ_REGS_VALID                                                   \
	(1u << ARCH_RBX | 1u << ARCH_RBP | 1u << ARCH_RSP | 1u << ARCH_R12 |   \
	 1u << ARCH_R13 | 1u << ARCH_R14 | 1u << ARCH_R15 | 1u << ARCH_RIP)

/* A system call without libc: no errno, no cancellation point, no wrapper
 * that the program may have replaced.  Returns the result or -errno. */
static inline long arch_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#endif
