/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_x86_64.h - all that is particular to x86-64: register numbers, the
 * perf register mask and its order, raw system calls, reading our own
 * registers.  Another architecture is another header of this shape.
 */
#ifndef PROF_ARCH_X86_64_H
#define PROF_ARCH_X86_64_H

#include <stdbool.h>
#include <stdint.h>

/* DWARF numbers, which are also libunwind's UNW_X86_64_ numbers. */
enum arch_reg {
	ARCH_RAX,
	ARCH_RDX,
	ARCH_RCX,
	ARCH_RBX,
	ARCH_RSI,
	ARCH_RDI,
	ARCH_RBP,
	ARCH_RSP,
	ARCH_R8,
	ARCH_R9,
	ARCH_R10,
	ARCH_R11,
	ARCH_R12,
	ARCH_R13,
	ARCH_R14,
	ARCH_R15,
	ARCH_RIP,
	ARCH_REGS
};
#define ARCH_IP ARCH_RIP
#define ARCH_SP ARCH_RSP
#define ARCH_FP ARCH_RBP

#define ARCH_RA_OFFSET (-8)  /* from the CFA to where a call puts the return address */
#define ARCH_AUDIT EM_X86_64 /* the ELF machine of objects we can unwind */

/* perf's sample_regs_user: the bits of asm/perf_regs.h we ask for, and for
 * each bit, lowest first, the DWARF number of that register. */
#define ARCH_PERF_REGS_MASK UINT64_C(0xff01ff) /* ax..ip, r8..r15 */
#define ARCH_PERF_REGS                                                                          \
	{                                                                                       \
		ARCH_RAX, ARCH_RBX, ARCH_RCX, ARCH_RDX, ARCH_RSI, ARCH_RDI, ARCH_RBP, ARCH_RSP, \
			ARCH_RIP, ARCH_R8, ARCH_R9, ARCH_R10, ARCH_R11, ARCH_R12, ARCH_R13,     \
			ARCH_R14, ARCH_R15                                                      \
	}

/* The kernel's half of the address space. */
#define ARCH_KERNEL_START UINT64_C(0xffff800000000000)

/* *counter -= by, in one instruction with the comparison: true when what is left is, as a
 * signed number, above 0.  by is below 2^63. */
static inline bool arch_count_down(uint64_t *counter, uint64_t by)
{
	bool left;

	__asm__("subq %2, %1" : "=@ccg"(left), "+m"(*counter) : "er"(by) : "cc");
	return left;
}

/* *byte != 0, in one instruction: a compiler loads an atomic first. */
static inline bool arch_is_set(const _Atomic uint8_t *byte)
{
	bool set;

	__asm__("cmpb $0, %1" : "=@ccne"(set) : "m"(*byte) : "cc");
	return set;
}

/* Copies words of a stack.  Not memcpy: the program may define its own, and sanitizers' versions
 * object to the red zones that lie between the variables of a stack.  A string instruction takes
 * whole lines over without reading what they held: half the time of a loop, where another CPU
 * had them. */
static inline void arch_copy_words(void *to, uint64_t from, uint64_t words)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

/* A word of a stack: not a plain load, which sanitizers object to as above. */
static inline uint64_t arch_read_word(uint64_t address)
{
	uint64_t word;

	__asm__ volatile("movq (%1), %0" : "=r"(word) : "r"(address) : "memory");
	return word;
}

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
#define ARCH_READ_REGS_VALID                                                                  \
	(1u << ARCH_RBX | 1u << ARCH_RBP | 1u << ARCH_RSP | 1u << ARCH_R12 | 1u << ARCH_R13 | \
	 1u << ARCH_R14 | 1u << ARCH_R15 | 1u << ARCH_RIP)

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

/* Registers a called function gives back as it found them, with the two that
 * every unwinding step restores. */
#define ARCH_CALLEE_SAVED                                                                     \
	(1u << ARCH_RBX | 1u << ARCH_RBP | 1u << ARCH_RSP | 1u << ARCH_R12 | 1u << ARCH_R13 | \
	 1u << ARCH_R14 | 1u << ARCH_R15 | 1u << ARCH_RIP)

/* Code without unwind tables that is known by its bytes.  Offsets are from the
 * stack pointer at the instruction. */

/* A linkage stub's frame: bytes hold the 16-byte slot of the pc, at is the
 * pc's place in it.  Returns how many bytes are on the stack below the
 * caller's frame, the return address included, or 0 when it is no stub.
 * First slot: push *(rip), jmp *(rip), with the index pushed before; the
 * others: jmp *(rip), push index, jmp first. */
static inline unsigned arch_plt_depth(const uint8_t bytes[16], unsigned at)
{
	if (bytes[0] == 0xff && bytes[1] == 0x25 && bytes[6] == 0x68 && bytes[11] == 0xe9)
		return at < 11 ? 8 : 16;
	if (bytes[0] == 0xff && bytes[1] == 0x35 && bytes[6] == 0xff && bytes[7] == 0x25)
		return at < 6 ? 16 : 24;
	return 0;
}

/* mov $15,%eax or %rax; syscall: returns from a signal handler, with the
 * kernel's frame at the stack pointer. */
static inline int arch_is_sigreturn(const uint8_t bytes[16])
{
	static const uint8_t rax[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
	static const uint8_t eax[] = { 0xb8, 15, 0, 0, 0, 0x0f, 0x05 };
	int same_rax = 1, same_eax = 1;

	for (unsigned i = 0; i < sizeof(rax); i++)
		same_rax &= bytes[i] == rax[i];
	for (unsigned i = 0; i < sizeof(eax); i++)
		same_eax &= bytes[i] == eax[i];
	return same_rax | same_eax;
}
#define ARCH_SIGRETURN_BYTES 9 /* of glibc's, the first */
/* struct rt_sigframe's ucontext, where the registers are. */
#define ARCH_SIGFRAME_SP 160
#define ARCH_SIGFRAME_FP 120
#define ARCH_SIGFRAME_IP 168

/* True when a call instruction ends at the end of the 8 bytes: what stands
 * before a return address.  Relative call, or an indirect one of any length. */
static inline int arch_ends_in_call(const uint8_t b[8])
{
	return b[3] == 0xe8 || (b[6] == 0xff && (b[7] & 0x38) == 0x10) ||
	       (b[5] == 0xff && (b[6] & 0x38) == 0x10) || (b[4] == 0xff && (b[5] & 0x38) == 0x10) ||
	       (b[2] == 0xff && (b[3] & 0x38) == 0x10) || (b[1] == 0xff && (b[2] & 0x38) == 0x10);
}

/* __builtin_eh_return: a function that goes on in a handler (libgcc's _Unwind_RaiseException
 * and its like) calls one that writes the handler's registers over the saved ones, another that
 * debuggers stop at, and leaves by mov %rcx,%rsp.  True when bytes, at pc in an object
 * mapped from start to end, come to that with no more than the last call. */
#define ARCH_LANDING_BYTES 256u
static inline int arch_is_landing(const uint8_t b[ARCH_LANDING_BYTES], uint64_t pc, uint64_t start,
				  uint64_t end)
{
	unsigned calls = 0;

	for (unsigned i = 0; i + 5 <= ARCH_LANDING_BYTES; i++) {
		uint32_t to = b[i + 1] | (uint32_t)b[i + 2] << 8 | (uint32_t)b[i + 3] << 16 |
			      (uint32_t)b[i + 4] << 24;
		uint64_t target = pc + i + 5 + (uint64_t)(int64_t)(int32_t)to;

		if (b[i] == 0x48 && b[i + 1] == 0x89 && b[i + 2] == 0xcc)
			return calls <= 1;
		calls += b[i] == 0xe8 && target >= start && target < end && !(target & 15);
	}
	return 0;
}

/* A pc this far behind an object's entry is its start code, which may have no
 * unwind tables: nothing called it. */
#define ARCH_START_CODE_BYTES 128u

#endif
