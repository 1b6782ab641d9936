# SPDX-License-Identifier: Apache-2.0
#
# stacks_asm.S - functions written by hand, with the call frame information that
# hand-written code has: see stacks.c for who calls them.

	.text

# A stack pointer that moves by every push, with a sample at any of them.
	.globl	t_asm_push
	.type	t_asm_push, @function
t_asm_push:
	.cfi_startproc
	mov	$3000, %ecx
1:	push	%rax
	.cfi_adjust_cfa_offset 8
	push	%rdx
	.cfi_adjust_cfa_offset 8
	sub	$40, %rsp
	.cfi_adjust_cfa_offset 40
	pushf
	.cfi_adjust_cfa_offset 8
	popf
	.cfi_adjust_cfa_offset -8
	add	$40, %rsp
	.cfi_adjust_cfa_offset -40
	pop	%rdx
	.cfi_adjust_cfa_offset -8
	pop	%rax
	.cfi_adjust_cfa_offset -8
	dec	%ecx
	jnz	1b
	ret
	.cfi_endproc
	.size	t_asm_push, .-t_asm_push

# The frame is found through %rbx, and the stack is aligned below it.
	.globl	t_asm_rbx
	.type	t_asm_rbx, @function
t_asm_rbx:
	.cfi_startproc
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rbx, -16
	mov	%rsp, %rbx
	.cfi_def_cfa_register %rbx
	sub	$200, %rsp
	and	$-64, %rsp
	call	t_asm_rbx_leaf
	mov	%rbx, %rsp
	.cfi_def_cfa_register %rsp
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	t_asm_rbx, .-t_asm_rbx

# The caller's stack pointer is kept on the stack: CFA = *(rsp + 8) + 8, an expression.
	.globl	t_asm_expression
	.type	t_asm_expression, @function
t_asm_expression:
	.cfi_startproc
	mov	%rsp, %rax
	.cfi_def_cfa_register %rax
	sub	$128, %rsp
	and	$-64, %rsp
	mov	%rax, 8(%rsp)
	.cfi_escape 0x0f, 0x05, 0x77, 0x08, 0x06, 0x23, 0x08
	call	t_asm_expression_leaf
	mov	8(%rsp), %rsi
	.cfi_def_cfa %rsi, 8
	mov	%rsi, %rsp
	.cfi_def_cfa_register %rsp
	ret
	.cfi_endproc
	.size	t_asm_expression, .-t_asm_expression

# The first instruction is interrupted: the byte before it is another function's.
	.globl	t_asm_trap
	.type	t_asm_trap, @function
	nop
t_asm_trap:
	.cfi_startproc
	ud2
	ret
	.cfi_endproc
	.size	t_asm_trap, .-t_asm_trap

# The return address is in a register while the function runs.
	.globl	t_asm_register
	.type	t_asm_register, @function
t_asm_register:
	.cfi_startproc
	pop	%r11
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %r11
	mov	$6000, %ecx
1:	dec	%ecx
	jnz	1b
	push	%r11
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rip, -8
	ret
	.cfi_endproc
	.size	t_asm_register, .-t_asm_register

	.section .note.GNU-stack, "", @progbits
