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

	.section .note.GNU-stack, "", @progbits
