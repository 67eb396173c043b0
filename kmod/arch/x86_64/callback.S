/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The way from foreign code into a script: see <ktap/trampoline.h>.
 *
 * A thunk only says which one it is. Each is a function of its own whose address stands in a table:
 * with IBT, the kernel seals the ENDBR of every function that no relocation mentions.
 */

#ifdef __KERNEL__

#include <linux/linkage.h>

#define TABLE .section .rodata, "a"

#else

/* Position independent: the loader writes the addresses. */
#define TABLE .section .data.rel.ro, "aw"

#define SYM_FUNC_START(name)		.globl name; .hidden name; .type name, @function; \
					.p2align 4; name: endbr64
#define SYM_FUNC_START_LOCAL(name)	.type name, @function; .p2align 4; name: endbr64
#define SYM_FUNC_END(name)		.size name, . - name
#define RET				ret

#endif

#include <ktap/trampoline.h>

	.text

/*
 * Entered by a jump from a thunk, as the function that was called, with the thunk's number in r11d.
 * The frame, addressed by rbp for the kernel's unwinder:
 *
 *	rbp + 16	the caller's stack arguments
 *	rbp		caller's rbp
 *	rbp - 48	rdi rsi rdx rcx r8 r9
 *
 * To callers of Microsoft's convention rdi and rsi are theirs, and in a process xmm6 to xmm15 as well, which are saved
 * where there may be such callers; the kernel's own code uses none of those.
 */
SYM_FUNC_START(ktap_callback_entry)
	push	%rbp
	mov	%rsp, %rbp
	sub	$48, %rsp
	mov	%rdi, -48(%rbp)
	mov	%rsi, -40(%rbp)
	mov	%rdx, -32(%rbp)
	mov	%rcx, -24(%rbp)
	mov	%r8, -16(%rbp)
	mov	%r9, -8(%rbp)
	mov	%r11d, %edi
	mov	%rsp, %rsi
	lea	16(%rbp), %rdx
#ifndef __KERNEL__
	cmpl	$0, ktap_callers_of_microsoft(%rip)
	jne	.Lwith_vectors
#endif
	call	ktap_callback_enter
.Lreturn:
	mov	-48(%rbp), %rdi
	mov	-40(%rbp), %rsi
	leave
	RET

#ifndef __KERNEL__
.Lwith_vectors:
	sub	$160, %rsp
	.irp	number, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps	%xmm\number, (16 * (\number - 6))(%rsp)
	.endr
	call	ktap_callback_enter
	.irp	number, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps	(16 * (\number - 6))(%rsp), %xmm\number
	.endr
	jmp	.Lreturn
#endif
SYM_FUNC_END(ktap_callback_entry)

.macro KTAP_THUNK number
SYM_FUNC_START_LOCAL(ktap_thunk_\number)
	mov	$\number, %r11d
	jmp	ktap_callback_entry
SYM_FUNC_END(ktap_thunk_\number)
	TABLE
	.quad	ktap_thunk_\number
	.text
.endm

	TABLE
	.balign	8
	.globl	ktap_thunks
	.hidden	ktap_thunks
	.type	ktap_thunks, @object
	.size	ktap_thunks, KTAP_THUNKS * 8
ktap_thunks:
	.text

	.altmacro
	.set	.Lnumber, 0
	.rept	KTAP_THUNKS
	KTAP_THUNK %.Lnumber
	.set	.Lnumber, .Lnumber + 1
	.endr
	.noaltmacro

	.section .note.GNU-stack, "", @progbits
