/* SPDX-License-Identifier: Apache-2.0
 *
 * hand.S - code written by hand: functions with and without a size, unwind
 * tables or a type, loops on local labels, a function in two sections.
 */
	.text
	.globl hand_sum
	.type hand_sum, @function
hand_sum:
	.cfi_startproc
	xorl %eax, %eax
	testl %esi, %esi
	je 2f
1:	addl (%rdi), %eax
	addq $4, %rdi
	decl %esi
	jne 1b
2:	ret
	.cfi_endproc
	.size hand_sum, . - hand_sum

	.p2align 4
	.type hand_local, @function
hand_local:
	.cfi_startproc
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	movq %rsp, %rbp
	.cfi_def_cfa_register %rbp
	call hand_sum
	testl %eax, %eax
	js hand_far
	popq %rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size hand_local, . - hand_local

	.section .text.unlikely, "ax", @progbits
	.type hand_far, @function
hand_far:
	.cfi_startproc
	.cfi_def_cfa %rbp, 16
	.cfi_offset %rbp, -16
	negl %eax
	movq %rbp, %rsp
	popq %rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size hand_far, . - hand_far

	.text
	.p2align 4
	.globl hand_unsized
hand_unsized:
	.cfi_startproc
	leaq (%rdi, %rsi), %rax
	imulq %rax, %rax
	ret
	.cfi_endproc

	.globl hand_all
	.type hand_all, @function
hand_all:
	.cfi_startproc
	subq $8, %rsp
	.cfi_adjust_cfa_offset 8
	call hand_local
	movslq %eax, %rdi
	movq %rdi, %rsi
	call hand_unsized
	addq $8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size hand_all, . - hand_all

/* Two hundred times three functions: sized, unsized with an unwind table, and one that calls
 * both and is left in the middle. */
	.altmacro
	.macro many n
	.p2align 4
	.type hand_sized_\n, @function
hand_sized_\n:
	.cfi_startproc
	leaq \n(%rdi, %rsi, 2), %rax
	imulq $\n, %rax
	testq %rax, %rax
	js 1f
	ret
1:	negq %rax
	ret
	.cfi_endproc
	.size hand_sized_\n, . - hand_sized_\n

hand_bare_\n:
	.cfi_startproc
	addq $\n, %rdi
	xorq %rdi, %rsi
	movq %rsi, %rax
	ret
	.cfi_endproc

	.type hand_both_\n, @function
hand_both_\n:
	.cfi_startproc
	pushq %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	call hand_sized_\n
	movq %rax, %rbx
	call hand_bare_\n
	addq %rbx, %rax
	popq %rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size hand_both_\n, . - hand_both_\n
	.endm
	.set n, 1
	.rept 200
	many %n
	.set n, n + 1
	.endr

	.section .note.GNU-stack, "", @progbits
