/* SPDX-License-Identifier: Apache-2.0
 *
 * labels.S - a corpus for the names of the reader: code as people write it by
 * hand, without sizes, without unwind tables, with labels inside functions.
 * The tests know which byte has which name.
 */
	.text
	.globl sized_before
	.type sized_before, @function
sized_before:			/* 8 bytes, sized */
	.cfi_startproc
	nop; nop; nop; nop
inside_sized:			/* a label in a function: not a function */
	nop; nop; nop
	ret
	.cfi_endproc
	.size sized_before, . - sized_before
	.skip 4, 0x90		/* nobody's: .size ended the function */

	.globl plain_label
plain_label:			/* no size, no type, no unwind table: 8 bytes */
	.skip 7, 0x90
	ret

	.globl with_cfi
with_cfi:			/* no size, an FDE of 8 bytes */
	.cfi_startproc
	.skip 7, 0x90
	ret
	.cfi_endproc
	.skip 8, 0x90		/* outside the FDE: nobody's */

	.globl sized_after
	.type sized_after, @function
sized_after:
	.cfi_startproc
	.skip 7, 0x90
	ret
	.cfi_endproc
	.size sized_after, . - sized_after

	.globl alias_weak, _alias_global, alias_global_long, alias_best
	.weak alias_weak
	.type alias_weak, @function
	.type _alias_global, @function
	.type alias_global_long, @function
	.type alias_best, @function
	.type alias_a, @function
alias_a:			/* local */
alias_weak:
_alias_global:
alias_global_long:
alias_best:
	.cfi_startproc
	.skip 7, 0x90
	ret
	.cfi_endproc
	.size alias_a, . - alias_a
	.size alias_weak, . - alias_weak
	.size _alias_global, . - _alias_global
	.size alias_global_long, . - alias_global_long
	.size alias_best, . - alias_best

	.section .note.GNU-stack, "", @progbits
